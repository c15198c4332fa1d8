/** Wires the page together. */

import { ApiError, getConfig } from "./api.js";
import { Call } from "./call.js";
import { announce, byId } from "./dom.js";
import { firstDrive } from "./drive.js";
import { FaceGrid } from "./face-grid.js";
import { Gallery } from "./gallery.js";
import { Lobby } from "./lobby.js";
import { LocalMedia } from "./local-media.js";
import { describe, describeEnd } from "./messages.js";
import { NewFace } from "./new-face.js";
import { PhotoBooth } from "./photo-booth.js";
import { retryDelayMs } from "./reconnect.js";
import { Stage } from "./stage.js";
import { adoptToken } from "./token.js";

/** @typedef {import("./call.js").CallStatus} CallStatus */

adoptToken();
const gallery = new Gallery();
const media = new LocalMedia();
const lobby = new Lobby(gallery, media);
const stage = new Stage(gallery, media);
const newFace = new NewFace(gallery, new PhotoBooth(media));
/** `?mode=echo` returns one's own picture, to measure the transport; `?width=..&height=..` asks for another size. */
const query = new URLSearchParams(location.search);
/** @type {RTCIceServer[]} */
let iceServers = [];
let tokenRequired = false;

/** Fetch what the page needs; a server that is not up yet is asked again until it answers. */
async function load(failures = 0) {
  try {
    const [config, forgotten] = await Promise.all([getConfig(), gallery.load()]);
    iceServers = config.ice_servers;
    tokenRequired = config.token_required;
    newFace.limits = { photos: config.max_photos, bytes: config.max_upload_bytes };
    stage.setRatio(Number(query.get("width")) || config.picture.width, Number(query.get("height")) || config.picture.height);
    lobby.askForToken(config.token_required);
    lobby.notice.clear("server_unreachable");
    if (forgotten > 0) lobby.notice.show(describe("faces_forgotten"), "plain", { forMs: 12_000 });
  } catch (error) {
    if (error instanceof ApiError && error.code === "unknown_host") return lobby.notice.show(describe("unknown_host"));
    lobby.notice.show(describe("server_unreachable"), "trouble", { key: "server_unreachable" });
    setTimeout(() => void load(failures + 1), retryDelayMs(failures, Math.random()));
  }
}

/** Ask again as who may call: a guarded server tells its TURN servers to nobody else. */
async function learnIceServers() {
  try {
    iceServers = (await getConfig()).ice_servers;
  } catch {
    // The offer that follows meets the same trouble, and tells of it.
  }
}

let joining = false;

/** @param {boolean} withCamera */
async function join(withCamera) {
  if (joining || stage.call) return;
  joining = true;
  try {
    await enter(withCamera);
  } finally {
    joining = false;
  }
}

/** @param {boolean} withCamera */
async function enter(withCamera) {
  const face = gallery.selected;
  if (!face) return;
  if (typeof RTCPeerConnection === "undefined") return lobby.notice.show(describe("no_webrtc"));
  if (!withCamera) await media.startVoice();
  // A camera that was wanted and could not be had is told in the lobby; joining without it takes one more click.
  else if (!media.cameraOn && !media.microphone && !(await media.start())) return;
  if (tokenRequired) await learnIceServers();
  const call = new Call(media, iceServers, {
    avatar: face.id,
    drive: firstDrive(media),
    mode: query.get("mode"),
    width: Number(query.get("width")) || null,
    height: Number(query.get("height")) || null,
  });
  call.addEventListener("state", (event) => {
    const status = /** @type {CustomEvent<CallStatus>} */ (event).detail;
    if (status.state === "ended" && stage.call === call) ended(status);
  });
  lobby.hide();
  stage.enter(call);
  call.start();
}

/** @param {CallStatus} status */
function ended({ code, detail }) {
  stage.exit();
  const words = code.startsWith("bye:") ? describeEnd(code.slice(4), detail) : describe(code, detail);
  void lobby.show();
  const left = code === "ended_left";
  lobby.notice.show(words, left ? "plain" : "trouble", left ? { forMs: 6000 } : {});
  if (code === "unknown_avatar" && gallery.selected) gallery.forget(gallery.selected.id);
  announce(words.title);
  lobby.join.focus({ preventScroll: true });
}

for (const grid of [lobby.faces, stage.faces]) wireGrid(grid);

/** @param {FaceGrid} grid */
function wireGrid(grid) {
  grid.addEventListener("add", () => newFace.open());
  grid.addEventListener("remove", async (event) => {
    const avatar = /** @type {CustomEvent<import("./api.js").Avatar>} */ (event).detail;
    try {
      await gallery.remove(avatar.id);
      announce(`${avatar.name || "The face"} is deleted.`);
    } catch {
      (stage.call ? stage.notice : lobby.notice).show(describe("server_unreachable"));
    }
  });
}

lobby.addEventListener("join", () => void join(true));
lobby.addEventListener("join-without", () => void join(false));
addEventListener("pagehide", () => stage.call?.leave());
// A page that the browser kept and shows again (back button) has its call ended: it is in the lobby, ready to join.

void load();
void lobby.show();
byId("lobby", HTMLElement).dataset.ready = "true";

/**
 * For tests and the curious, read only: the state of the call, the last measurement, the connection itself.
 */
Object.defineProperty(globalThis, "avatarCall", {
  value: Object.freeze({
    get state() {
      return stage.call?.status.state ?? "idle";
    },
    get figures() {
      return stage.figures.last;
    },
    get server() {
      return stage.figures.server;
    },
    get call() {
      return stage.call;
    },
  }),
});
