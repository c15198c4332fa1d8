import assert from "node:assert/strict";
import { test } from "node:test";

import { DeviceError, mainProblem, problemCode } from "../../../client/media/devices.js";

test("why a device cannot be opened becomes one code, the same for every browser", () => {
  const named = (name) => Object.assign(new Error("x"), { name });
  assert.equal(problemCode("camera", named("NotAllowedError")), "camera_denied");
  assert.equal(problemCode("camera", named("NotFoundError")), "camera_missing");
  assert.equal(problemCode("camera", named("NotReadableError")), "camera_busy");
  assert.equal(problemCode("microphone", named("AbortError")), "microphone_busy");
  assert.equal(problemCode("microphone", "what"), "microphone_busy");
  assert.equal(new DeviceError("camera_denied").code, "camera_denied");
});

test("the same problem with camera and microphone is reported once", () => {
  assert.equal(mainProblem(["camera_denied", "microphone_denied"]), "devices_denied");
  assert.equal(mainProblem(["camera_missing", "microphone_missing"]), "devices_missing");
  assert.equal(mainProblem(["camera_busy", "microphone_denied"]), "camera_busy");
  assert.equal(mainProblem([]), null);
});
