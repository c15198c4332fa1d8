/** The page: makes its parts and connects them. */

import { Call } from "./call/call.js";
import { Room } from "./call/room.js";
import { initialDrive } from "./call/drive.js";
import { retryDelayMs } from "./call/reconnect.js";
import { BackgroundChoice } from "./media/background-choice.js";
import { FaceGallery } from "./media/face-gallery.js";
import { LocalMedia } from "./media/local-media.js";
import { takeTokenFromAddress } from "./protocol/access-token.js";
import { ApiError, getConfig } from "./protocol/http-api.js";
import { CallView } from "./views/call/call-view.js";
import { announce } from "./views/dom.js";
import { LiveCheckDialog } from "./views/live-check-dialog.js";
import { Lobby } from "./views/lobby.js";
import { NewFaceDialog } from "./views/new-face-dialog.js";
import { PhotoBooth } from "./views/photo-booth.js";
import { describe, describeEnd } from "./views/texts/describe.js";

/** @typedef {import("./call/call.js").CallStatus} CallStatus */

takeTokenFromAddress();
const gallery = new FaceGallery();
const media = new LocalMedia();
const lobby = new Lobby(gallery, media);
const background = new BackgroundChoice();
const callView = new CallView(gallery, media, background);
const newFaceDialog = new NewFaceDialog(gallery, new PhotoBooth(media), new LiveCheckDialog(media));
/** `?mode=echo` returns the camera's own picture, to measure the transport; `?width=..&height=..` set its size. */
const query = new URLSearchParams(location.search);

/** Load what the page needs, again and again until the server answers. */
async function load(failures = 0) {
  try {
    const [config, lostFaces] = await Promise.all([getConfig(), gallery.load()]);
    document.documentElement.dataset.label = config.picture.label ?? "";
    newFaceDialog.limits = { photos: config.max_photos, bytes: config.max_upload_bytes };
    newFaceDialog.offerLiveCheck(config.live_check);
    const { width, height } = config.picture;
    callView.setRatio(Number(query.get("width")) || width, Number(query.get("height")) || height);
    lobby.showTokenField(config.token_required);
    lobby.room.setPossible(config.limits.room_members > 0);
    lobby.notice.clear("server_unreachable");
    if (lostFaces > 0) lobby.notice.show(describe("faces_forgotten"), "info", { forMs: 12_000 });
  } catch (error) {
    if (error instanceof ApiError && error.code === "unknown_host") return lobby.notice.show(describe("unknown_host"));
    lobby.notice.show(describe("server_unreachable"), "error", { key: "server_unreachable" });
    setTimeout(() => void load(failures + 1), retryDelayMs(failures, Math.random()));
  }
}

/**
 * The STUN and TURN servers of a connection that is made now: their passwords may expire, and without the access token a
 * server lists no TURN servers.
 *
 * @returns {Promise<readonly RTCIceServer[]>}
 */
async function getIceServers() {
  try {
    return (await getConfig()).ice_servers;
  } catch {
    return []; // The offer that follows meets the same error, and shows it.
  }
}

let joining = false;

/** @param {boolean} withCamera */
async function join(withCamera) {
  if (joining || callView.call) return;
  joining = true;
  try {
    await startCall(withCamera);
  } finally {
    joining = false;
  }
}

/** @param {boolean} withCamera */
async function startCall(withCamera) {
  const face = gallery.selected;
  if (!face) return;
  if (typeof RTCPeerConnection === "undefined") return lobby.notice.show(describe("no_webrtc"));
  if (!withCamera) await media.startMicrophoneOnly();
  // A camera that cannot be opened is explained in the lobby; joining without it takes one more click.
  else if (!media.cameraOn && !media.microphone && !(await media.start())) return;
  const call = new Call(media, getIceServers, {
    avatar: face.id,
    drive: initialDrive(media),
    mode: query.get("mode"),
    width: Number(query.get("width")) || null,
    height: Number(query.get("height")) || null,
    background: await nameBackground(),
    room: lobby.room.id,
    name: lobby.room.name,
  });
  call.addEventListener("state", (event) => {
    const status = /** @type {CustomEvent<CallStatus>} */ (event).detail;
    if (status.state === "ended" && callView.call === call) returnToLobby(status);
  });
  lobby.hide();
  callView.show(call, lobby.room.id === null ? null : new Room(call, media), lobby.room.link);
  call.start();
}

/**
 * What the call begins with behind the avatar.
 *
 * @returns {Promise<string | null>} null: the server's own, also where a picture could not be sent; the call tries again
 */
async function nameBackground() {
  try {
    return await background.name();
  } catch {
    return null;
  }
}

/** @param {CallStatus} status */
function returnToLobby({ code, detail }) {
  callView.hide();
  const text = code.startsWith("bye:") ? describeEnd(code.slice(4), detail) : describe(code, detail);
  void lobby.show();
  const left = code === "ended_left";
  lobby.notice.show(text, left ? "info" : "error", left ? { forMs: 6000 } : {});
  if (code === "unknown_avatar" && gallery.selected) gallery.forget(gallery.selected.id);
  announce(text.title);
  lobby.join.focus({ preventScroll: true });
}

for (const grid of [lobby.faces, callView.faces]) wireGrid(grid);

/** @param {import("./views/face-grid.js").FaceGrid} grid */
function wireGrid(grid) {
  grid.addEventListener("add", () => newFaceDialog.open());
  grid.addEventListener("remove", async (event) => {
    const avatar = /** @type {CustomEvent<import("./protocol/http-api.js").Avatar>} */ (event).detail;
    try {
      await gallery.remove(avatar.id);
      announce(`${avatar.name || "The face"} is deleted.`);
    } catch {
      (callView.call ? callView.notice : lobby.notice).show(describe("server_unreachable"));
    }
  });
}

lobby.addEventListener("join", () => void join(true));
lobby.addEventListener("join-without", () => void join(false));
addEventListener("pagehide", () => callView.call?.leave());
// A page that the browser has kept and shows again (back button) is in the lobby: its call has ended.

void load();
void lobby.show();

/** For tests and the console, read only: the state of the call, the last measurement, the call itself. */
Object.defineProperty(globalThis, "avatarCall", {
  value: Object.freeze({
    get state() {
      return callView.call?.status.state ?? "idle";
    },
    get figures() {
      return callView.figures.last;
    },
    get server() {
      return callView.figures.server;
    },
    get call() {
      return callView.call;
    },
  }),
});
