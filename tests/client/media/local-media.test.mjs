import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

/** Stands for a MediaStreamTrack. */
class Track extends EventTarget {
  enabled = true;
  readyState = "live";
  size = { width: 640, height: 480, frameRate: 30 };
  constructor(kind, deviceId) {
    super();
    this.kind = kind;
    this.deviceId = deviceId;
  }
  getSettings() {
    return { deviceId: this.deviceId, ...this.size };
  }
  async applyConstraints({ width, height, frameRate }) {
    if (this.deviceId === "video-stubborn") throw Object.assign(new Error("no"), { name: "OverconstrainedError" });
    this.size = { width: width.ideal, height: height.ideal, frameRate: frameRate.ideal };
  }
  stop() {
    this.readyState = "ended";
  }
}

let asked = [];
let refuse = () => null;
const requestedId = (constraints, kind) => constraints.deviceId?.exact ?? constraints.deviceId?.ideal ?? `${kind}-0`;

Object.defineProperty(globalThis, "isSecureContext", { value: true, configurable: true });
Object.defineProperty(globalThis, "navigator", {
  configurable: true,
  value: {
    mediaDevices: {
      async getUserMedia(constraints) {
        asked.push(Object.keys(constraints).sort().join("+"));
        await new Promise((resolve) => setTimeout(resolve, 5));
        const name = refuse(constraints);
        if (name) throw Object.assign(new Error(name), { name });
        const video = constraints.video ? [new Track("video", requestedId(constraints.video, "video"))] : [];
        const audio = constraints.audio ? [new Track("audio", requestedId(constraints.audio, "audio"))] : [];
        return { getTracks: () => [...video, ...audio], getVideoTracks: () => video, getAudioTracks: () => audio };
      },
    },
  },
});
const { LocalMedia } = await import("../../../client/media/local-media.js");

/** A LocalMedia, and what it has complained of. */
function media() {
  const made = new LocalMedia();
  const problems = [];
  made.addEventListener("problem", (event) => problems.push(event.detail));
  return { made, problems };
}

beforeEach(() => {
  asked = [];
  refuse = () => null;
});

test("camera and microphone are opened with one prompt, and only once", async () => {
  const { made } = media();
  // The page opens them by itself where they are allowed; the user presses Join before that is done.
  const [, joined] = await Promise.all([made.start(), made.start()]);
  assert.equal(joined, true);
  assert.deepEqual(asked, ["audio+video"]);
  assert.ok(made.cameraOn && made.microphoneOn);
});

test("with no camera there is still the microphone, and one problem is reported", async () => {
  refuse = (constraints) => (constraints.video ? "NotFoundError" : null);
  const { made, problems } = media();
  assert.equal(await made.start(), false);
  assert.equal(made.microphoneOn, true);
  assert.deepEqual(problems, ["camera_missing"]);
});

test("a block of both devices is reported once", async () => {
  refuse = () => "NotAllowedError";
  const { made, problems } = media();
  await made.start();
  assert.deepEqual(problems, ["devices_denied"]);
});

test("mute keeps the microphone open and sends silence; camera off puts its light out", async () => {
  const { made } = media();
  await made.start();
  const { camera, microphone } = made;
  await made.toggleMute();
  assert.equal(microphone.enabled, false);
  assert.equal(microphone.readyState, "live");
  await made.toggleCamera();
  assert.equal(camera.readyState, "ended");
  assert.equal(made.camera, null);
});

test("a microphone chosen while muted stays muted", async () => {
  const { made } = media();
  await made.start();
  await made.toggleMute();
  await made.choose("microphone", "audio-7");
  assert.equal(made.deviceId("microphone"), "audio-7");
  assert.equal(made.microphone.enabled, false);
});

test("an unplugged camera is reported, and can be turned on again", async () => {
  const { made, problems } = media();
  await made.start();
  made.camera.dispatchEvent(new Event("ended"));
  assert.equal(made.cameraOn, false);
  assert.deepEqual(problems, ["camera_lost"]);
  await made.toggleCamera();
  assert.equal(made.cameraOn, true);
});

test("joining without camera puts its light out, even while it is being opened, and keeps the microphone", async () => {
  const { made } = media();
  await Promise.all([made.start(), made.startMicrophoneOnly()]);
  assert.equal(made.camera, null);
  assert.equal(made.microphoneOn, true);
  assert.deepEqual(asked, ["audio+video"]);
});

test("joining without camera asks for the microphone where it is not on yet, and goes on without it", async () => {
  const { made } = media();
  await made.startMicrophoneOnly();
  assert.deepEqual(asked, ["audio"]);
  assert.equal(made.microphoneOn, true);
  refuse = () => "NotAllowedError";
  const silent = media();
  await silent.made.startMicrophoneOnly();
  assert.equal(silent.made.microphone, null);
  assert.deepEqual(silent.problems, ["microphone_denied"]);
});

test("who muted in the lobby is still muted after joining without camera", async () => {
  const { made } = media();
  await made.start();
  await made.toggleMute();
  await made.startMicrophoneOnly();
  assert.equal(made.microphone.enabled, false);
});

const LIMITS = Object.freeze({ width: 320, height: 240, fps: 15, maxBitrateBps: 300_000 });
const sizeOf = ({ camera }) => {
  const { width, height, frameRate } = camera.getSettings();
  return `${width}x${height} ${frameRate}`;
};

test("a camera that is to give less does so, also the one chosen next, until the limits are gone", async () => {
  const { made } = media();
  await made.start();
  await made.limitCamera(LIMITS);
  assert.equal(sizeOf(made), "320x240 15");
  await made.choose("camera", "video-7");
  assert.equal(sizeOf(made), "320x240 15");
  await made.toggleCamera();
  await made.limitCamera({ ...LIMITS, fps: 20 });
  await made.toggleCamera();
  assert.equal(sizeOf(made), "320x240 20");
  await made.limitCamera(null);
  assert.equal(sizeOf(made), "640x480 30");
});

test("a camera that gives less than asked for is not asked for more by limits that rise", async () => {
  const { made } = media();
  await made.start();
  await made.limitCamera(LIMITS);
  await made.limitCamera({ ...LIMITS, width: 480, height: 360, fps: 60 });
  assert.equal(sizeOf(made), "480x360 30");
});

test("a photo is taken with all that the camera can give", async () => {
  const { made } = media();
  await made.start();
  await made.limitCamera(LIMITS);
  await made.liftLimits(true);
  assert.equal(sizeOf(made), "640x480 30");
  await made.limitCamera({ ...LIMITS, fps: 20 });
  assert.equal(sizeOf(made), "640x480 30", "the dialog is still open");
  await made.liftLimits(false);
  assert.equal(sizeOf(made), "320x240 20");
});

test("a camera that cannot give less goes on as it is, and nobody is bothered", async () => {
  const { made, problems } = media();
  await made.start();
  await made.choose("camera", "video-stubborn");
  await made.limitCamera(LIMITS);
  assert.equal(sizeOf(made), "640x480 30");
  assert.deepEqual(problems, []);
});
