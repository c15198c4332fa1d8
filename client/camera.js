/** The control page of `avatar camera`, made of the call page's parts. */

import { BackgroundChoice } from "./media/background-choice.js";
import { FaceGallery } from "./media/face-gallery.js";
import { takeTokenFromAddress } from "./protocol/access-token.js";
import { getCamera, sendToCamera } from "./protocol/camera-control.js";
import { ApiError } from "./protocol/http-api.js";
import { BackgroundPicker } from "./views/background-picker.js";
import { CameraView } from "./views/camera-view.js";
import { countDown } from "./views/countdown.js";
import { announce, byId } from "./views/dom.js";
import { FaceGrid } from "./views/face-grid.js";
import { FeelingsBar, cueMessage } from "./views/feelings-bar.js";
import { Notice } from "./views/notice.js";
import { describe } from "./views/texts/describe.js";

const EVERY_MS = 1_000;
const COUNTDOWN_S = 3;

takeTokenFromAddress();
const view = new CameraView();
const notice = new Notice(byId("notice", HTMLElement));
const gallery = new FaceGallery();
const faces = new FaceGrid(byId("faces", HTMLElement), gallery, "face", { canAdd: false });
const background = new BackgroundChoice({ remembered: false });
const picker = new BackgroundPicker(byId("background", HTMLElement), background);
/** @type {import("./protocol/camera-control.js").CameraState | null} */
let state = null;
let following = false;

/**
 * @param {import("./protocol/data-channel.js").ClientMessage} message
 * @param {string} [done] is read out when it is
 */
async function ask(message, done = "") {
  try {
    await sendToCamera(message);
    if (done) announce(done);
    notice.clear();
  } catch (error) {
    const { code, detail } = error instanceof ApiError ? error : { code: "error", detail: String(error) };
    if (code === "unknown_background") background.forgetId();
    notice.show(code === "server_unreachable" ? describe(code) : { title: detail, text: "" });
  }
  await look();
}

/** Look how it goes. */
async function look() {
  try {
    state = await getCamera();
    if (gallery.all.length === 0) await gallery.load();
    view.show(state);
    following = true; // What the camera itself has changed, by a key, is no choice made here.
    gallery.select(state.face);
    following = false;
    picker.show(readInForce(state.background));
  } catch {
    view.showGone();
  }
}

/** @param {string} text */
function readInForce(text) {
  if (text === "keep" || text === "blur") return text;
  return text.startsWith("#") ? "colour" : "picture";
}

async function changeBackground() {
  picker.setBusy(true);
  try {
    const name = await background.name();
    if (name !== null) await ask({ type: "set_background", background: name });
  } catch (error) {
    if (background.isRefusal(error)) background.refuse();
    notice.show({ title: error instanceof ApiError ? error.detail : String(error), text: "" });
  }
  background.kind = null; // From now on the camera says what is there.
  picker.setBusy(false);
}

async function rest() {
  const box = byId("countdown", HTMLElement);
  if (!box.hidden) return;
  box.hidden = false;
  byId("countdown-text", HTMLElement).textContent = "Relax your face and look at the camera";
  announce("Relax your face and look at the camera.");
  const show = (/** @type {number} */ left) => (byId("countdown-number", HTMLElement).textContent = String(left));
  await countDown(COUNTDOWN_S, show, new AbortController().signal);
  box.hidden = true;
  await ask({ type: "calibrate" }, "Resting face set.");
}

gallery.addEventListener("select", () => {
  const face = gallery.selected;
  if (!face || following || !state || face.id === state.face) return;
  faces.setBusy(face.id);
  void ask({ type: "set_avatar", avatar: face.id }).then(() => faces.setBusy(null));
});
background.addEventListener("change", () => void changeBackground());
picker.addEventListener("unreadable", () => notice.show(describe("not_an_image")));
view.mute.addEventListener("click", () => void ask({ type: "devices", microphone: state?.muted === true, camera: true }));
view.rest.addEventListener("click", () => void rest());

new FeelingsBar((one) => void ask(cueMessage(one.value), one.textContent?.trim()));
void look();
setInterval(() => void look(), EVERY_MS);
