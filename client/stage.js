/** The call on screen: the avatar large, oneself small, and the controls. */

import { Captions } from "./captions.js";
import { DeviceChoice } from "./device-choice.js";
import { DriveChoice } from "./drive-choice.js";
import { announce, button, byId, setIcon, setLabel, video } from "./dom.js";
import { FaceGrid } from "./face-grid.js";
import { Figures } from "./figures.js";
import { FullScreen } from "./full-screen.js";
import { describe } from "./messages.js";
import { Notice } from "./notice.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";
import { FaceRequests } from "./requests.js";
import { SelfView } from "./self-view.js";
import { actionFor, isTyping } from "./shortcuts.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./call.js").CallStatus} CallStatus */
/** @typedef {import("./control.js").ServerMessage} ServerMessage */

/** After so many seconds of camera pictures without a face the page says so. */
const NO_FACE_S = 3;

export class Stage {
  /** @type {Call | null} */
  call = null;
  #wasLive = false;
  #secondsUnseen = 0;
  /** Whether the user hears the sound that comes back outside of a conversation too. */
  #hears = false;

  /**
   * @param {import("./gallery.js").Gallery} gallery
   * @param {import("./local-media.js").LocalMedia} media
   */
  constructor(gallery, media) {
    this.gallery = gallery;
    this.media = media;
    this.root = byId("call", HTMLElement);
    this.video = video("avatar-video");
    this.frame = byId("frame", HTMLElement);
    this.notice = new Notice(byId("call-notice", HTMLElement));
    this.panel = new Panel();
    this.figures = new Figures();
    this.captions = new Captions();
    this.overlay = new Overlay();
    this.selfView = new SelfView(byId("stage", HTMLElement));
    this.faces = new FaceGrid(byId("call-faces", HTMLElement), gallery, "call-face");
    this.requests = new FaceRequests(gallery, this.notice, this.faces);
    this.drive = new DriveChoice(media, this.notice);
    this.fullScreen = new FullScreen(this.root, (on) => this.#showFullScreen(on));
    this.hear = byId("hear-myself", HTMLInputElement);
    this.showSelf = byId("show-self", HTMLInputElement);
    new DeviceChoice(byId("call-cam-list", HTMLSelectElement), "camera", media);
    new DeviceChoice(byId("call-mic-list", HTMLSelectElement), "microphone", media);
    this.#wire();
  }

  /** @param {Call} call that is about to start */
  enter(call) {
    this.call = call;
    this.#wasLive = false;
    this.root.hidden = false;
    this.#talk(false);
    this.#hearSound(false);
    this.frame.classList.remove("playing");
    call.addEventListener("state", (event) => this.#showState(call, /** @type {CustomEvent} */ (event).detail));
    call.addEventListener("message", (event) => this.#hearServer(call, /** @type {CustomEvent} */ (event).detail));
    call.addEventListener("media", (event) => {
      if (this.call === call) this.#play(/** @type {CustomEvent} */ (event).detail);
    });
    this.requests.attach(call);
    this.drive.attach(call);
    this.figures.start(() => call.peer);
    this.#showFace();
    this.#showMedia();
    byId("call-title", HTMLElement).focus();
  }

  exit() {
    this.call = null;
    this.root.hidden = true;
    this.requests.detach();
    this.drive.detach();
    this.figures.stop();
    this.captions.show(false);
    this.panel.close();
    this.notice.clear();
    this.video.srcObject = null;
    this.selfView.show(null, false);
    void this.fullScreen.leave();
  }

  #wire() {
    const { media } = this;
    media.addEventListener("change", () => this.#showMedia());
    media.addEventListener("problem", (event) => {
      const code = /** @type {CustomEvent<string>} */ (event).detail;
      if (!this.call) return;
      if ((code === "camera_lost" || code === "microphone_lost") && this.drive.offer(code)) return;
      this.notice.show(describe(code));
    });
    this.gallery.addEventListener("select", () => this.#showFace());
    this.video.addEventListener("playing", () => this.frame.classList.add("playing"));
    this.video.addEventListener("resize", () => this.setRatio(this.video.videoWidth, this.video.videoHeight));
    this.hear.addEventListener("change", () => this.#hearSound(this.hear.checked));
    this.showSelf.addEventListener("change", () => this.#showMedia());
    this.overlay.addEventListener("retry", () => this.call?.retryNow());
    this.overlay.addEventListener("cancel", () => this.call?.leave());
    this.panel.addEventListener("change", () => (this.root.dataset.panel = this.panel.page ?? ""));
    button("control-mic").addEventListener("click", () => void this.#toggleMute());
    button("control-cam").addEventListener("click", () => void this.#toggleCamera());
    button("control-rest").addEventListener("click", () => void this.requests.calibrate(media.cameraOn));
    button("control-full").addEventListener("click", () => void this.fullScreen.toggle());
    button("control-leave").addEventListener("click", () => this.call?.leave());
    button("control-full").hidden = !this.fullScreen.possible;
    addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.call) return;
    const action = actionFor(event, {
      typing: isTyping(document.activeElement),
      dialog: document.querySelector("dialog[open]") !== null,
    });
    if (!action) return;
    if (action === "escape") {
      // The browser itself leaves full screen with Escape.
      if (this.requests.cancel() || this.panel.close()) event.preventDefault();
      return;
    }
    event.preventDefault();
    if (action === "mute") void this.#toggleMute();
    if (action === "camera") void this.#toggleCamera();
    if (action === "fullscreen" && this.fullScreen.possible) void this.fullScreen.toggle();
    if (action === "calibrate") void this.requests.calibrate(this.media.cameraOn);
  }

  async #toggleMute() {
    await this.media.toggleMute();
    announce(this.media.microphoneOn ? "Microphone on" : "Microphone muted");
    if (this.media.microphoneOn) this.drive.offer("microphone_on");
  }

  async #toggleCamera() {
    await this.media.toggleCamera();
    announce(this.media.cameraOn ? "Camera on" : "Camera off");
    this.drive.offer(this.media.cameraOn ? "camera_on" : "camera_off");
  }

  /**
   * @param {Call} call
   * @param {CallStatus} status
   */
  #showState(call, status) {
    if (this.call !== call) return;
    this.root.dataset.state = status.state;
    this.overlay.show(status);
    if (status.state !== "live") {
      // A line that is gone leaves a black picture; the face at rest is the better backdrop for what is said over it.
      this.frame.classList.remove("playing");
      this.notice.clear("face_lost");
      return;
    }
    announce(this.#wasLive ? "Connected again." : "You are in the call.");
    if (!this.#wasLive) this.#sayWhatMoves(call);
    this.#wasLive = true;
    this.requests.resume();
  }

  /** @param {Call} call that has just begun; who joined with the camera sees what moves the face */
  #sayWhatMoves(call) {
    const { cameraOn, microphone, microphoneOn } = this.media;
    if (cameraOn || call.wish.mode === "echo") return;
    const code = microphone === null ? "nothing_moves" : microphoneOn ? "voice_moves" : "voice_muted";
    this.notice.show(describe(code), "plain", { key: "what_moves", forMs: 8000 });
  }

  /**
   * @param {Call} call
   * @param {ServerMessage} message
   */
  #hearServer(call, message) {
    if (this.call !== call) return;
    if (message.type === "stats") {
      this.figures.server = message;
      const looking = message.camera_fps > 0 && call.wish.mode !== "echo" && ["camera", "both"].includes(call.wish.drive);
      this.#watchFace(message.face === "tracked" || message.face === "held", looking);
    }
    if (message.type === "drive" && (message.drive === "voice" || message.drive === "conversation"))
      this.notice.clear("face_lost");
    if (message.type === "drive") this.#talk(message.drive === "conversation");
    if (message.type === "answered") this.figures.answered = message;
    this.captions.hear(message);
    if (message.type === "face") this.#showFaceSeen(message.state === "tracked");
    if (message.type === "error" && !message.reply_to) this.notice.show(describe(message.code, message.detail));
  }

  /**
   * A face that was never found is not lost, so nothing tells of it but the figures.
   *
   * @param {boolean} seen
   * @param {boolean} looking pictures of the camera arrive and move the avatar
   */
  #watchFace(seen, looking) {
    this.#secondsUnseen = seen || !looking ? 0 : this.#secondsUnseen + 1;
    if (this.#secondsUnseen === NO_FACE_S) this.#showFaceSeen(false);
    if (seen) this.#showFaceSeen(true);
  }

  /** @param {boolean} seen */
  #showFaceSeen(seen) {
    const looking = ["camera", "both"].includes(this.call?.wish.drive ?? "camera");
    if (seen || !this.media.cameraOn || !looking) this.notice.clear("face_lost");
    else this.notice.show(describe("face_lost"), "plain", { key: "face_lost" });
  }

  /** @param {boolean} on whether the avatar talks by itself: then it is heard, and its words are shown */
  #talk(on) {
    if (on !== this.captions.root.hidden) return;
    if (on) this.#hears = this.hear.checked;
    this.root.classList.toggle("talking", on);
    this.captions.show(on);
    this.figures.answered = null;
    this.#hearSound(on || this.#hears);
  }

  /** @param {boolean} on whether the sound that comes back is played here */
  #hearSound(on) {
    this.hear.checked = on;
    this.video.muted = !on;
    void this.call?.listen(on);
  }

  /** @param {MediaStream} stream */
  #play(stream) {
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    this.video.play().catch(() => undefined); // Interrupted by the next stream, or by leaving: both are fine.
  }

  #showMedia() {
    const { media } = this;
    const mic = button("control-mic");
    const cam = button("control-cam");
    setIcon(mic, media.microphoneOn ? "mic" : "mic-off");
    setIcon(cam, media.cameraOn ? "camera" : "camera-off");
    mic.classList.toggle("is-off", !media.microphoneOn);
    cam.classList.toggle("is-off", !media.cameraOn);
    mic.dataset.tip = media.microphoneOn ? "Mute  M" : "Unmute  M";
    cam.dataset.tip = media.cameraOn ? "Camera off  V" : "Camera on  V";
    setLabel(mic, media.microphoneOn ? "Mute" : "Unmute");
    setLabel(cam, media.cameraOn ? "Camera off" : "Camera on");
    this.selfView.show(media.camera, this.call !== null && this.showSelf.checked);
    if (!media.cameraOn) this.notice.clear("face_lost");
  }

  #showFace() {
    const face = this.gallery.selected;
    if (!face) return;
    for (const id of ["poster", "backdrop"]) {
      const picture = byId(id, HTMLImageElement);
      if (picture.getAttribute("src") !== face.preview) picture.src = face.preview;
    }
    this.video.setAttribute("aria-label", `Your avatar: ${face.name || "my face"}`);
  }

  /** @param {boolean} on */
  #showFullScreen(on) {
    const full = button("control-full");
    setIcon(full, on ? "shrink" : "expand");
    full.dataset.tip = on ? "Leave full screen  F" : "Full screen  F";
    full.setAttribute("aria-pressed", String(on));
  }

  /**
   * Give the frame the picture's shape, before the first picture has come too.
   *
   * @param {number} width
   * @param {number} height
   */
  setRatio(width, height) {
    if (width > 0 && height > 0) this.frame.style.setProperty("--ratio", String(width / height));
  }
}
