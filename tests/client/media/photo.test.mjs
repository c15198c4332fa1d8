import assert from "node:assert/strict";
import { test } from "node:test";

import { reducedSize } from "../../../client/media/photo.js";

test("a photo is made smaller, never larger, and keeps its shape", () => {
  assert.deepEqual(reducedSize(4000, 3000), [2048, 1536]);
  assert.deepEqual(reducedSize(640, 480), [640, 480]);
  assert.deepEqual(reducedSize(20_000, 2), [2048, 1]);
});
