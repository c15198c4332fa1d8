/** The page for a browser source of OBS: an avatar with nothing behind it, and nothing else. */

import { LastingCall } from "./call/lasting-call.js";
import { pictureSize, readObsAddress } from "./call/obs-address.js";
import { WatchConnection } from "./call/watch-connection.js";
import { LocalMedia } from "./media/local-media.js";
import { takeTokenFromAddress } from "./protocol/access-token.js";
import { getConfig } from "./protocol/http-api.js";
import { byId, video } from "./views/dom.js";
import { describe, describeEnd, describeRefusedWatching } from "./views/texts/describe.js";
import { TransparentPicture } from "./views/transparent/transparent-picture.js";

/** @typedef {import("./call/call.js").CallStatus} CallStatus */
/** @typedef {import("./call/watch-connection.js").WatchStatus} WatchStatus */
/** @typedef {import("./protocol/data-channel.js").ServerMessage} ServerMessage */

/** What is on air stays free of words; who looks at a source that has shown nothing for so long wants to know why. */
const SAY_AFTER_MS = 30_000;
/** How long the last picture stands when the call is lost: a server that restarts is back within that. */
const KEEP_MS = 5_000;
/** After the last change of the window's size, before a picture of the new size is asked for. */
const SETTLED_MS = 1_000;

takeTokenFromAddress();
const address = readObsAddress(location.search);
const query = new URLSearchParams(location.search);
const message = byId("message", HTMLElement);
const picture = new TransparentPicture(byId("avatar", HTMLCanvasElement), video("video"), query.get("renderer") === "2d");
picture.video.muted = !address.sound;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let clearing;
let live = false;
let troubleMs = performance.now();
let told = "";

/**
 * Say how it goes: in the console, and on the page where that is wanted or nothing has been seen for long.
 *
 * @param {string} text "" when all is well
 */
function say(text) {
  if (text !== told && text) console.info(`avatar: ${text}`);
  told = text;
  message.textContent = text;
  show();
}

function show() {
  const forLong = !live && performance.now() - troubleMs > SAY_AFTER_MS;
  message.hidden = told === "" || !(address.debug || forLong);
}

/** @param {boolean} on whether pictures come */
function setLive(on) {
  if (on === live) return;
  live = on;
  clearTimeout(clearing);
  if (!on) {
    troubleMs = performance.now();
    clearing = setTimeout(() => picture.clear(), KEEP_MS);
  }
  show();
}

/** Show a call of somebody else's, by its watch link: a program's, mostly. */
function watch() {
  const connection = new WatchConnection(`/whep/${address.watch}`, { transparent: true, waits: true });
  connection.addEventListener("media", (event) => picture.play(/** @type {CustomEvent<MediaStream>} */ (event).detail));
  connection.addEventListener("state", (event) => {
    const { state, code, detail } = /** @type {CustomEvent<WatchStatus>} */ (event).detail;
    if (state === "connecting") return;
    if (state === "live") return say("");
    setLive(false);
    if (state === "ended") {
      picture.clear();
      say("There is no call with this watch link yet, or it has ended. Waiting for it.");
    } else say(state === "lost" ? "The connection was lost. Trying again." : describeRefusedWatching(code, detail));
  });
  addEventListener("pagehide", () => connection.close());
  connection.start();
}

/** Make a call of the page's own. */
async function call() {
  const media = new LocalMedia();
  /** @type {string} */
  let missing = "";
  media.addEventListener("problem", (event) => {
    const { title, text } = describe(/** @type {CustomEvent<string>} */ (event).detail);
    missing = `${title}. ${text}`;
    console.error(`avatar: ${missing}`);
  });
  if (address.camera && address.microphone) await media.start();
  else if (address.camera) await media.toggleCamera();
  else if (address.microphone) await media.startMicrophoneOnly();
  const settings = () => {
    const [width, height] = address.width ? [address.width, address.height] : wantedSize();
    const { avatar, drive, background } = address;
    picture.ratio = width / height;
    // Without a device there is nothing to send: the avatar lives by itself, and the server does not wait for anything.
    return { avatar, drive, background, width, height, receiveOnly: !media.camera && !media.microphone };
  };
  const lasting = new LastingCall(media, async () => (await getConfig()).ice_servers, settings, address.sound);
  lasting.addEventListener("media", (event) => picture.play(/** @type {CustomEvent<MediaStream>} */ (event).detail));
  lasting.addEventListener("message", (event) => {
    const report = /** @type {CustomEvent<ServerMessage>} */ (event).detail;
    if (report.type === "hello") picture.ratio = report.width / report.height;
    if (report.type === "error") console.error(`avatar: ${report.detail}`);
  });
  lasting.addEventListener("state", (event) => {
    const { state, code, detail } = /** @type {CustomEvent<CallStatus>} */ (event).detail;
    if (state === "live") return say(missing);
    setLive(false);
    if (code === "ended_left") return;
    const { title, text } = code.startsWith("bye:") ? describeEnd(code.slice(4), detail) : describe(code, detail);
    say(state === "connecting" ? "Connecting." : `${title}. ${detail || text}`);
  });
  if (!address.width) followWindow(lasting);
  addEventListener("pagehide", () => lasting.leave());
  lasting.start();
}

function wantedSize() {
  return pictureSize(innerWidth * devicePixelRatio, innerHeight * devicePixelRatio);
}

/** Ask for another picture once the window has another size; the one there is fills it meanwhile. @param {LastingCall} lasting */
function followWindow(lasting) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const [width, height] = wantedSize();
      const now = lasting.call?.settings;
      if (now && (now.width !== width || now.height !== height)) lasting.restart();
    }, SETTLED_MS);
  });
}

picture.addEventListener("picture", () => setLive(true));
setInterval(show, 1_000);
if (typeof RTCPeerConnection === "undefined") say("This browser has no WebRTC.");
else if (address.error) say(address.error);
else if (address.watch) watch();
else void call();

/** For tests and the console, read only. */
Object.defineProperty(globalThis, "avatarSource", {
  value: Object.freeze({
    get live() {
      return live;
    },
    get pictures() {
      return picture.pictures;
    },
    get renderer() {
      return picture.renderer;
    },
  }),
});
