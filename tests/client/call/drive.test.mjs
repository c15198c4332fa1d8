import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { initialDrive, previewText, suggestDrive, unavailableReason } from "../../../client/call/drive.js";
import { CALL_TEXTS } from "../../../client/views/texts/call-texts.js";

const track = {};
const media = (cameraOn, microphone, muted = false) => ({
  cameraOn,
  microphone: microphone ? track : null,
  microphoneOn: microphone && !muted,
});
const DRIVES = ["camera", "voice", "both", "conversation"];
const CHANGES = ["camera_on", "camera_off", "camera_lost", "microphone_on", "microphone_lost"];
const STATES = [true, false].flatMap((camera) => [media(camera, false), media(camera, true), media(camera, true, true)]);

test("the page offers what the server knows, and no more", () => {
  const types = readFileSync(new URL("../../../avatar/types.py", import.meta.url), "utf8");
  const known = types.match(/^Drive: TypeAlias = Literal\[([^\]]+)\]/m)?.[1] ?? "";
  assert.deepEqual([...known.matchAll(/"(\w+)"/g)].map(([, drive]) => drive), DRIVES);
  const html = readFileSync(new URL("../../../client/index.html", import.meta.url), "utf8");
  assert.deepEqual([...html.matchAll(/name="drive" id="drive-(\w+)"/g)].map(([, drive]) => drive), DRIVES);
});

test("a call begins with the camera where it is on, else with the voice where it can be heard", () => {
  assert.equal(initialDrive(media(true, true)), "camera");
  assert.equal(initialDrive(media(true, false)), "camera");
  assert.equal(initialDrive(media(false, true)), "voice");
  assert.equal(initialDrive(media(false, true, true)), "voice"); // It speaks as soon as one unmutes.
  assert.equal(initialDrive(media(false, false)), "camera");
});

test("the lobby says what the face will do", () => {
  assert.match(previewText(media(true, true)), /^It moves as you move\.$/);
  assert.match(previewText(media(false, true)), /^It speaks as you speak\.$/);
  assert.match(previewText(media(false, false)), /moves.*speaks/);
});

test("what needs a device that is off cannot be chosen, and says which", () => {
  assert.deepEqual(DRIVES.map((drive) => unavailableReason(drive, media(true, true, true))), ["", "", "", ""]);
  assert.match(unavailableReason("camera", media(false, true)), /the camera on/);
  assert.match(unavailableReason("voice", media(true, false)), /the microphone on/);
  assert.match(unavailableReason("both", media(true, false)), /the microphone on/);
  assert.match(unavailableReason("both", media(false, true)), /the camera on/);
  assert.match(unavailableReason("both", media(false, false)), /camera and the microphone/);
  assert.equal(unavailableReason("voice", media(false, true)), "");
  assert.match(unavailableReason("conversation", media(true, false)), /the microphone on/);
  assert.equal(unavailableReason("conversation", media(false, true)), "");
});

test("a camera turned off suggests the voice only where the voice can be heard and does not move the face yet", () => {
  assert.equal(suggestDrive("camera_off", "camera", media(false, true))?.drive, "voice");
  assert.equal(suggestDrive("camera_lost", "camera", media(false, true))?.drive, "voice");
  assert.equal(suggestDrive("camera_off", "camera", media(false, true, true)), null);
  assert.equal(suggestDrive("camera_off", "camera", media(false, false)), null);
  assert.equal(suggestDrive("camera_off", "voice", media(false, true)), null);
  assert.equal(suggestDrive("camera_off", "both", media(false, true)), null);
  assert.equal(suggestDrive("camera_off", "camera", media(true, true)), null, "it is on again");
});

test("a device that comes on is suggested where the other one is gone or was never there", () => {
  assert.equal(suggestDrive("microphone_on", "camera", media(false, true))?.drive, "voice");
  assert.equal(suggestDrive("microphone_on", "camera", media(true, true)), null);
  assert.equal(suggestDrive("camera_on", "voice", media(true, true))?.drive, "camera");
  assert.equal(suggestDrive("microphone_lost", "voice", media(true, false))?.drive, "camera");
});

test("nothing is suggested that cannot be chosen, and every suggestion has its text", () => {
  for (const change of CHANGES)
    for (const drive of DRIVES)
      for (const state of STATES) {
        const suggestion = suggestDrive(change, drive, state);
        if (!suggestion) continue;
        assert.equal(unavailableReason(suggestion.drive, state), "");
        assert.notEqual(suggestion.drive, drive);
        assert.ok(CALL_TEXTS[suggestion.code]?.text, suggestion.code);
      }
});
