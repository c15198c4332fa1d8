import assert from "node:assert/strict";
import { test } from "node:test";

import { joinHalves } from "../../../../client/views/transparent/matte-2d.js";
import { hasMatte } from "../../../../client/views/transparent/transparent-picture.js";

test("a picture twice as wide as the avatar's has its matte beside it, whatever its size", () => {
  assert.equal(hasMatte(1024, 512, 1), true);
  assert.equal(hasMatte(512, 512, 1), false);
  assert.equal(hasMatte(810, 720, 404 / 720), true);
  assert.equal(hasMatte(256, 130, 260 / 256), true, "a smaller one, when time is short");
  assert.equal(hasMatte(256, 256, null), true, "who watches is always sent the matte");
});

test("colours get the matte's alpha, and are no longer premultiplied", () => {
  const colours = new Uint8ClampedArray([100, 50, 25, 255, 9, 9, 9, 255, 200, 100, 0, 255]);
  const matte = new Uint8ClampedArray([128, 128, 128, 255, 2, 2, 2, 255, 254, 254, 254, 255]);
  joinHalves(colours, matte, [0, 1]);
  assert.deepEqual([...colours.slice(0, 4)], [199, 100, 50, 128]);
  joinHalves(colours, matte, [0.03, 0.97]);
  assert.deepEqual([...colours.slice(4, 8)], [0, 0, 0, 0], "what an encoder leaves of nothing is nothing");
  assert.equal(colours[11], 255);
});
