import assert from "node:assert/strict";
import { test } from "node:test";

import { cameraConstraints, cameraLimits, senderEncoding } from "../../../client/protocol/camera-limits.js";

const MESSAGE = { type: "camera", width: 320, height: 240, fps: 15, max_bitrate_bps: 300_000 };
const LIMITS = cameraLimits(MESSAGE);

test("whatever a server asks for, a face can still be found, and no camera is asked for more than it may have", () => {
  const least = cameraLimits({ ...MESSAGE, width: 0, height: -5, fps: 0, max_bitrate_bps: 1 });
  assert.deepEqual(least, { width: 160, height: 120, fps: 5, maxBitrateBps: 50_000 });
  const most = cameraLimits({ ...MESSAGE, width: 1e9, height: 1e9, fps: 1e9, max_bitrate_bps: 1e12 });
  assert.deepEqual(most, { width: 1920, height: 1920, fps: 60, maxBitrateBps: 8_000_000 });
  assert.equal(cameraLimits({ ...MESSAGE, width: 320.4 }).width, 320);
});

test("the camera's picture becomes smaller, never of another shape", () => {
  const sizeOf = (own) => {
    const { width, height, frameRate } = cameraConstraints(LIMITS, own);
    return [width.ideal, height.ideal, frameRate.ideal];
  };
  assert.deepEqual(sizeOf({ width: 640, height: 480, frameRate: 30 }), [320, 240, 15]);
  assert.deepEqual(sizeOf({ width: 640, height: 360, frameRate: 30 }), [320, 180, 15]);
  assert.deepEqual(sizeOf({ width: 480, height: 640, frameRate: 12 }), [240, 320, 12], "a phone that stands");
  assert.deepEqual(sizeOf({ width: 160, height: 120, frameRate: 30 }), [160, 120, 15], "nothing is made larger");
  assert.deepEqual(sizeOf({}), [320, 240, 15], "a browser that tells nothing");
});

test("the sender makes the picture smaller only where the camera has not", () => {
  assert.equal(senderEncoding(LIMITS, { width: 640, height: 480 }).scaleResolutionDownBy, 2);
  assert.equal(senderEncoding(LIMITS, { width: 240, height: 320 }).scaleResolutionDownBy, 1);
  assert.equal(senderEncoding(LIMITS, {}).scaleResolutionDownBy, 1);
  assert.deepEqual(senderEncoding(LIMITS, {}), { maxBitrate: 300_000, maxFramerate: 15, scaleResolutionDownBy: 1 });
});
