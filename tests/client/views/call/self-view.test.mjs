import assert from "node:assert/strict";
import { test } from "node:test";

import { nearestCorner } from "../../../../client/views/call/self-view.js";

test("the small picture goes to the corner it was dropped in", () => {
  const box = { left: 100, top: 0, width: 800, height: 600 };
  assert.equal(nearestCorner(150, 20, box), "top-left");
  assert.equal(nearestCorner(880, 590, box), "bottom-right");
});
