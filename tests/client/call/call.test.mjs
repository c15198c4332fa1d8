import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const ANSWER = "v=0\r\n";
let peers = [];

/** Stands for an RTCRtpSender that keeps to the standard: parameters are taken only if they were given out last. */
class Sender {
  track = null;
  parameters = { transactionId: "0", encodings: [{ active: true }] };
  static refusesPreference = false;
  #given = null;
  getParameters() {
    this.#given = String(Number(this.parameters.transactionId) + 1);
    return structuredClone({ ...this.parameters, transactionId: this.#given });
  }
  async setParameters(parameters) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const name = Sender.refusesPreference && parameters.degradationPreference ? "NotSupportedError" : "InvalidStateError";
    if (name === "NotSupportedError" || parameters.transactionId !== this.#given)
      throw Object.assign(new Error(name), { name });
    this.#given = null;
    this.parameters = structuredClone(parameters);
  }
  async replaceTrack(track) {
    this.track = track;
  }
}

class Peer extends EventTarget {
  connectionState = "new";
  iceGatheringState = "complete";
  localDescription = { sdp: "offer" };
  videos = [];
  /** What the page has said. */
  heard = [];
  constructor() {
    super();
    peers.push(this);
  }
  addTransceiver(what) {
    const sender = new Sender();
    sender.track = typeof what === "string" ? null : what;
    const receiver = { jitterBufferTarget: null, getSynchronizationSources: () => [{ timestamp: performance.now() }] };
    const transceiver = { sender, receiver };
    this.videos.push(transceiver);
    return transceiver;
  }
  createDataChannel() {
    this.channel = Object.assign(new EventTarget(), { readyState: "open", send: (text) => this.heard.push(text) });
    return this.channel;
  }
  setConfiguration(configuration) {
    this.configuration = configuration;
  }
  async createOffer() {
    return {};
  }
  async setLocalDescription() {}
  async setRemoteDescription() {
    if (this.connectionState === "new") this.channel.dispatchEvent(new Event("open"));
    this.connectionState = "connected";
    this.dispatchEvent(new Event("connectionstatechange"));
  }
  close() {
    this.connectionState = "closed";
  }
  /** What the server says. */
  says(message) {
    this.channel.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify({ v: 1, ...message }) }));
  }
  get video() {
    return this.videos[0];
  }
  get encoding() {
    return this.video.sender.parameters.encodings[0];
  }
}

/** Stands for LocalMedia: a camera that does what it is told, or not. */
class Media extends EventTarget {
  camera = camera();
  microphone = null;
  limits = null;
  obeys = true;
  async limitCamera(limits) {
    this.limits = limits;
    if (limits && this.obeys) Object.assign(this.camera.size, { width: limits.width, height: limits.height });
  }
}
const camera = () => ({ size: { width: 640, height: 480 }, getSettings() { return this.size; } });

globalThis.RTCPeerConnection = Peer;
globalThis.MediaStream = class { addTrack() {} };
globalThis.addEventListener ??= () => undefined;
globalThis.removeEventListener ??= () => undefined;
globalThis.fetch = async () => {
  const response = new Response(ANSWER, { status: 201, headers: { location: "/whip/1" } });
  return Object.defineProperty(response, "url", { value: "http://localhost:8080/whip" });
};
const { Call } = await import("../../../client/call/call.js");

const REQUEST = { type: "camera", width: 320, height: 240, fps: 15, max_bitrate_bps: 300_000 };
const SENT = { active: true, maxBitrate: 300_000, maxFramerate: 15, scaleResolutionDownBy: 1 };

async function until(condition, what) {
  for (let tries = 0; tries < 2000; tries += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail(`waited for ${what}`);
}

async function liveCall(t, media = new Media()) {
  const call = new Call(media, async () => iceServers, { avatar: "mira", drive: "camera" });
  t.after(() => call.leave());
  call.start();
  await until(() => call.status.state === "live", "the call to be live");
  return call;
}

let iceServers = [];
beforeEach(() => {
  peers = [];
  iceServers = [];
});

test("pictures are shown as soon as they can be, and the encoder drops pixels rather than frames", async (t) => {
  await liveCall(t);
  assert.equal(peers[0].video.receiver.jitterBufferTarget, 0);
  assert.equal(peers[0].video.sender.parameters.degradationPreference, "maintain-framerate");
});

test("the server is told whether the sound is played, so that pictures need not wait for one that is not", async (t) => {
  const call = await liveCall(t);
  const played = () => peers.at(-1).heard.map((text) => JSON.parse(text)).map((message) => message.played);
  assert.deepEqual(played(), [false]);
  await call.setAudible(true);
  assert.deepEqual(played(), [false, true]);
  peers[0].says({ type: "bye", reason: "connection_lost", detail: "" });
  call.retryNow();
  await until(() => peers.length === 2 && played().length > 0, "the next connection");
  assert.deepEqual(played(), [true]);
});

test("each connection is made with the TURN credentials of its own time", async (t) => {
  iceServers = [{ urls: "turn:t.example", username: "1:avatar", credential: "old" }];
  const call = await liveCall(t);
  assert.deepEqual(peers[0].configuration.iceServers, iceServers);
  iceServers = [{ urls: "turn:t.example", username: "2:avatar", credential: "new" }];
  peers[0].says({ type: "bye", reason: "connection_lost", detail: "" });
  call.retryNow();
  await until(() => peers[1]?.configuration, "the next connection");
  assert.deepEqual(peers[1].configuration.iceServers, iceServers);
});

test("the camera sends what the server asks for, over the next connection too, and all of it after the call", async (t) => {
  const media = new Media();
  const call = await liveCall(t, media);
  peers[0].says(REQUEST);
  await until(() => peers[0].encoding.maxBitrate, "the sender to be told");
  assert.deepEqual(peers[0].encoding, SENT);
  assert.equal(media.limits.fps, 15);
  peers[0].says({ type: "bye", reason: "connection_lost", detail: "" });
  call.retryNow();
  await until(() => peers[1]?.encoding.maxBitrate, "the next sender to be told");
  assert.deepEqual(peers[1].encoding, SENT);
  call.leave();
  assert.equal(media.limits, null);
});

test("where the camera does not obey, and when it is changed, the sender makes the picture smaller", async (t) => {
  const media = Object.assign(new Media(), { obeys: false });
  await liveCall(t, media);
  peers[0].says(REQUEST);
  await until(() => peers[0].encoding.scaleResolutionDownBy === 2, "the sender to be told");
  media.camera = camera();
  media.camera.size = { width: 1280, height: 960 };
  media.dispatchEvent(new Event("change"));
  await until(() => peers[0].encoding.scaleResolutionDownBy === 4, "the other camera's picture to be made smaller");
});

test("many requests at once end with the last one, and a browser that takes none of it is left alone", async (t) => {
  const call = await liveCall(t);
  for (const fps of [30, 25, 20, 10]) peers[0].says({ ...REQUEST, fps });
  await until(() => peers[0].encoding.maxFramerate === 10, "the last request to be in force");
  peers[0].video.sender.setParameters = async () => Promise.reject(new Error("no"));
  peers[0].says({ ...REQUEST, fps: 12 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(call.status.state, "live");
});

test("a browser that knows no preference is still given the limits", async (t) => {
  Sender.refusesPreference = true;
  t.after(() => (Sender.refusesPreference = false));
  await liveCall(t);
  peers[0].says(REQUEST);
  await until(() => peers[0].encoding.maxBitrate, "the sender to be told");
});

test("reports of a kind that this page does not know change nothing", async (t) => {
  const call = await liveCall(t);
  for (const type of ["surprise", "constructor"]) peers[0].says({ type, width: 1, height: 1, fps: 1 });
  peers[0].says({ ...REQUEST, fps: "many" });
  assert.equal(call.media.limits, null);
  assert.equal(call.status.state, "live");
});

test("a picture that the server has forgotten does not keep anybody out of the call", async (t) => {
  const answer = globalThis.fetch;
  const asked = [];
  globalThis.fetch = async (url, init) => {
    if (init?.method === "POST") asked.push(url);
    if (!String(url).includes("background=")) return answer(url, init);
    return new Response(JSON.stringify({ code: "unknown_background", detail: "Gone." }), { status: 404 });
  };
  t.after(() => (globalThis.fetch = answer));
  const settings = { avatar: "mira", drive: "camera", background: "an-id-of-another-server" };
  const call = new Call(new Media(), async () => [], settings);
  t.after(() => call.leave());
  call.start();
  await until(() => call.status.state === "live", "the call to be live");
  assert.equal(asked.length, 2);
  assert.equal(call.settings.background, null, "so that the picture is sent again");
});
