/** The page of who watches a call by its link: picture and sound, and a word where there is none. */

import { WatchConnection } from "./call/watch-connection.js";
import { takeTokenFromAddress } from "./protocol/access-token.js";
import { byId, button, video } from "./views/dom.js";
import { describeRefusedWatching } from "./views/texts/describe.js";

/** @typedef {import("./call/watch-connection.js").WatchStatus} WatchStatus */

takeTokenFromAddress(); // a server may want one beside the link

const picture = video("picture");
const status = byId("status", HTMLElement);
const sound = button("sound");
const connection = new WatchConnection(location.pathname.replace(/^\/watch\//, "/whep/"));

/** @param {string} text */
function say(text) {
  status.textContent = text;
}

/** @param {WatchStatus} now */
function show({ state, code, detail }) {
  if (state === "live") say("");
  if (state === "lost") say("The connection was lost. Trying again");
  if (state === "refused") say(describeRefusedWatching(code, detail));
  if (state === "refused" || state === "ended") sound.hidden = true;
  if (state !== "ended") return;
  picture.srcObject = null; // a stream that has ended would be shown as a black picture
  say("This call has ended.");
}

connection.addEventListener("media", (event) => {
  picture.srcObject = /** @type {CustomEvent<MediaStream>} */ (event).detail;
});
connection.addEventListener("state", (event) => show(/** @type {CustomEvent<WatchStatus>} */ (event).detail));
picture.addEventListener("playing", () => {
  sound.hidden = !picture.muted;
});
sound.addEventListener("click", () => {
  picture.muted = false;
  sound.hidden = true;
});
addEventListener("pagehide", () => connection.close());
if (typeof RTCPeerConnection === "undefined") say("This browser has no WebRTC.");
else connection.start();
