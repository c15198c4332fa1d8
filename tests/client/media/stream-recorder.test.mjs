import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { recordedType, recordingName, StreamRecorder } from "../../../client/media/stream-recorder.js";

/** Stands for a browser's MediaRecorder that hands over a piece when it is told to. */
class Recorder extends EventTarget {
  static supported = ["video/webm;codecs=vp8,opus", "video/webm"];
  static isTypeSupported(type) {
    return Recorder.supported.includes(type);
  }
  state = "inactive";
  constructor(stream, options) {
    super();
    Object.assign(this, { stream, options });
    Recorder.last = this;
  }
  start(pieceMs) {
    this.pieceMs = pieceMs;
    this.state = "recording";
  }
  give(text) {
    this.dispatchEvent(Object.assign(new Event("dataavailable"), { data: new Blob([text]) }));
  }
  stop() {
    this.state = "inactive";
    this.give("the rest");
    this.dispatchEvent(new Event("stop"));
  }
}

beforeEach(() => {
  globalThis.MediaRecorder = Recorder;
});
afterEach(() => {
  delete globalThis.MediaRecorder;
});

test("the best type that the browser records is chosen, and none where it records nothing", () => {
  assert.equal(recordedType(), "video/webm;codecs=vp8,opus");
  Recorder.supported = [];
  assert.equal(recordedType(), null);
  Recorder.supported = ["video/webm;codecs=vp8,opus", "video/webm"];
  delete globalThis.MediaRecorder;
  assert.equal(recordedType(), null);
});

test("where there is the choice, a picture may change its size: by avc3, not by avc1", () => {
  const [avc1, avc3] = ["avc1", "avc3"].map((codec) => `video/mp4;codecs=${codec}.42E01F,opus`);
  Recorder.supported = [avc1, avc3];
  assert.equal(recordedType(), avc3);
  Recorder.supported = ["video/webm;codecs=vp8,opus", "video/webm"];
});

test("a recording's name says when it began, and what it is", () => {
  const when = new Date(2026, 10, 9, 7, 5, 3);
  assert.equal(recordingName(when, "video/mp4;codecs=avc1.42E01F,opus"), "avatar 2026-11-09 07.05.03.mp4");
  assert.equal(recordingName(when, "video/webm"), "avatar 2026-11-09 07.05.03.webm");
});

test("a stopped recording holds every piece once", async () => {
  const recording = new StreamRecorder({}, "video/webm");
  assert.equal(Recorder.last.pieceMs, 1000);
  Recorder.last.give("one ");
  Recorder.last.give("two ");
  assert.equal(await (await recording.stop()).text(), "one two the rest");
  assert.equal(await (await recording.stop()).text(), "one two the rest");
});

test("a recording whose stream ends is whole without being told to stop", async () => {
  const recording = new StreamRecorder({}, "video/webm");
  Recorder.last.give("one ");
  Recorder.last.stop();
  assert.equal(await (await recording.ended).text(), "one the rest");
});
