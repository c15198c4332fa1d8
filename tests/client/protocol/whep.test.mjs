import assert from "node:assert/strict";
import { test } from "node:test";

import { parseIceServers } from "../../../client/protocol/whep.js";

test("a watch link's STUN and TURN servers are read from its Link header", () => {
  const link =
    '<stun:s.example>; rel="ice-server", <turn:t.example:3478?transport=udp>; rel="ice-server"; username="1:a"; ' +
    'credential="pa\\"s\\\\s, w"; credential-type="password", <https://x.example>; rel="help"';
  assert.deepEqual(parseIceServers(link), [
    { urls: "stun:s.example" },
    { urls: "turn:t.example:3478?transport=udp", username: "1:a", credential: 'pa"s\\s, w' },
  ]);
  assert.deepEqual(parseIceServers(""), []);
});
