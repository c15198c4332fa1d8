import assert from "node:assert/strict";
import { test } from "node:test";

import { isSentAsItIs, reducedSize } from "../../../client/media/photo.js";

test("a photo is made smaller, never larger, and keeps its shape", () => {
  assert.deepEqual(reducedSize(4000, 3000), [2048, 1536]);
  assert.deepEqual(reducedSize(640, 480), [640, 480]);
  assert.deepEqual(reducedSize(20_000, 2), [2048, 1]);
});

test("a small photo is sent as it is where the server reads its format, else as a JPEG", () => {
  assert.ok(isSentAsItIs({ size: 900_000, type: "image/png" }));
  assert.ok(!isSentAsItIs({ size: 4_000_000, type: "image/jpeg" }), "a large one is reduced");
  for (const type of ["image/heic", "image/avif", "image/tiff", ""]) assert.ok(!isSentAsItIs({ size: 900_000, type }));
});
