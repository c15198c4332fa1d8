import assert from "node:assert/strict";
import { test } from "node:test";

import { overlayText } from "../../../../client/views/call/overlay.js";

test("while the connection is lost the overlay says so, and when the next attempt is", () => {
  const status = { state: "reconnecting", code: "connection_lost", detail: "", retryAtMs: 5000 };
  assert.match(overlayText(status, 2100).text, /Next try in 3 s\.$/);
  assert.match(overlayText({ ...status, retryAtMs: 0 }, 2100).text, /Trying now\.$/);
  assert.match(overlayText({ ...status, state: "waiting", code: "server_full" }, 0).title, /places are taken/);
  assert.equal(overlayText({ ...status, state: "live" }, 0), null);
});
