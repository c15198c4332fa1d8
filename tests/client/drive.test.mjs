import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { firstDrive, offerAfter, promise, whyNot } from "../../client/drive.js";
import { describe, knownCodes } from "../../client/messages.js";

const track = {};
const media = (cameraOn, microphone, muted = false) => ({
  cameraOn,
  microphone: microphone ? track : null,
  microphoneOn: microphone && !muted,
});
const DRIVES = ["camera", "voice", "both", "conversation"];
const TURNS = ["camera_on", "camera_off", "camera_lost", "microphone_on", "microphone_lost"];
const STATES = [true, false].flatMap((camera) => [media(camera, false), media(camera, true), media(camera, true, true)]);

test("the page offers what the server knows, and no more", () => {
  const types = readFileSync(new URL("../../avatar/types.py", import.meta.url), "utf8");
  const known = types.match(/^Drive: TypeAlias = Literal\[([^\]]+)\]/m)?.[1] ?? "";
  assert.deepEqual([...known.matchAll(/"(\w+)"/g)].map(([, drive]) => drive), DRIVES);
  const html = readFileSync(new URL("../../client/index.html", import.meta.url), "utf8");
  assert.deepEqual([...html.matchAll(/name="drive" id="drive-(\w+)"/g)].map(([, drive]) => drive), DRIVES);
});

test("a call begins with the camera where it is on, else with the voice where it can be heard", () => {
  assert.equal(firstDrive(media(true, true)), "camera");
  assert.equal(firstDrive(media(true, false)), "camera");
  assert.equal(firstDrive(media(false, true)), "voice");
  assert.equal(firstDrive(media(false, true, true)), "voice"); // It speaks as soon as one unmutes.
  assert.equal(firstDrive(media(false, false)), "camera");
});

test("the lobby says what the face will do", () => {
  assert.match(promise(media(true, true)), /^It moves as you move\.$/);
  assert.match(promise(media(false, true)), /^It speaks as you speak\.$/);
  assert.match(promise(media(false, false)), /moves.*speaks/);
});

test("what needs a device that is off cannot be chosen, and says which", () => {
  assert.deepEqual(DRIVES.map((drive) => whyNot(drive, media(true, true, true))), ["", "", "", ""]);
  assert.match(whyNot("camera", media(false, true)), /the camera on/);
  assert.match(whyNot("voice", media(true, false)), /the microphone on/);
  assert.match(whyNot("both", media(true, false)), /the microphone on/);
  assert.match(whyNot("both", media(false, true)), /the camera on/);
  assert.match(whyNot("both", media(false, false)), /camera and the microphone/);
  assert.equal(whyNot("voice", media(false, true)), "");
  assert.match(whyNot("conversation", media(true, false)), /the microphone on/);
  assert.equal(whyNot("conversation", media(false, true)), "");
});

test("a camera turned off offers the voice only where the voice can be heard and does not move the face yet", () => {
  assert.equal(offerAfter("camera_off", "camera", media(false, true))?.drive, "voice");
  assert.equal(offerAfter("camera_lost", "camera", media(false, true))?.drive, "voice");
  assert.equal(offerAfter("camera_off", "camera", media(false, true, true)), null);
  assert.equal(offerAfter("camera_off", "camera", media(false, false)), null);
  assert.equal(offerAfter("camera_off", "voice", media(false, true)), null);
  assert.equal(offerAfter("camera_off", "both", media(false, true)), null);
  assert.equal(offerAfter("camera_off", "camera", media(true, true)), null, "it is on again");
});

test("a device that comes on is offered where the other one is gone or was never there", () => {
  assert.equal(offerAfter("microphone_on", "camera", media(false, true))?.drive, "voice");
  assert.equal(offerAfter("microphone_on", "camera", media(true, true)), null);
  assert.equal(offerAfter("camera_on", "voice", media(true, true))?.drive, "camera");
  assert.equal(offerAfter("microphone_lost", "voice", media(true, false))?.drive, "camera");
});

test("nothing is offered that cannot be chosen, and every offer has its words", () => {
  for (const turn of TURNS)
    for (const drive of DRIVES)
      for (const state of STATES) {
        const offer = offerAfter(turn, drive, state);
        if (!offer) continue;
        assert.equal(whyNot(offer.drive, state), "");
        assert.notEqual(offer.drive, drive);
        assert.ok(knownCodes().includes(offer.code), offer.code);
        assert.ok(describe(offer.code).text.length > 0);
      }
});
