/** The view of a call: the avatar large, the user's camera small, and the controls. */

import { DeviceSelect } from "../device-select.js";
import { announce, button, byId, setIcon, setLabel, video } from "../dom.js";
import { Effects } from "../effects/effects.js";
import { FaceGrid } from "../face-grid.js";
import { Notice } from "../notice.js";
import { describe } from "../texts/describe.js";
import { BackgroundPicker } from "../background-picker.js";
import { Backdrop } from "./backdrop.js";
import { BackgroundRequests } from "./background-requests.js";
import { Captions } from "./captions.js";
import { DriveSwitch } from "./drive-switch.js";
import { FaceLost } from "./face-lost.js";
import { FaceRequests } from "./face-requests.js";
import { FeelingsMenu } from "./feelings-menu.js";
import { Figures } from "./figures.js";
import { FullScreen } from "./full-screen.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";
import { WatchLink } from "./watch-link.js";
import { RecordingControl } from "./recording.js";
import { RoomView } from "./room-view.js";
import { SelfView } from "./self-view.js";
import { actionFor, isTyping } from "./shortcuts.js";

/** @typedef {import("../../call/call.js").Call} Call */
/** @typedef {import("../../call/call.js").CallStatus} CallStatus */
/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */

export class CallView {
  /** @type {Call | null} */
  call = null;
  #wasLive = false;
  /** Whether the returned sound is played outside of a conversation too. */
  #audibleOutsideConversation = false;

  /**
   * @param {import("../../media/face-gallery.js").FaceGallery} gallery
   * @param {import("../../media/local-media.js").LocalMedia} media
   * @param {import("../../media/background-choice.js").BackgroundChoice} background
   */
  constructor(gallery, media, background) {
    this.gallery = gallery;
    this.media = media;
    this.root = byId("call", HTMLElement);
    this.video = video("avatar-video");
    this.frame = byId("frame", HTMLElement);
    this.backdrop = new Backdrop(byId("backdrop", HTMLCanvasElement));
    this.effects = new Effects(this.video);
    this.notice = new Notice(byId("call-notice", HTMLElement));
    this.panel = new Panel();
    this.watchLink = new WatchLink();
    this.figures = new Figures();
    this.captions = new Captions();
    this.overlay = new Overlay();
    this.selfView = new SelfView(byId("call-main", HTMLElement));
    this.faces = new FaceGrid(byId("call-faces", HTMLElement), gallery, "call-face");
    this.requests = new FaceRequests(gallery, this.notice, this.faces);
    this.drive = new DriveSwitch(media, this.notice);
    this.faceLost = new FaceLost(media, this.notice);
    this.feelings = new FeelingsMenu(this.notice);
    const picker = new BackgroundPicker(byId("background", HTMLElement), background);
    this.background = new BackgroundRequests(background, picker, this.notice);
    this.recording = new RecordingControl(this.notice);
    this.room = new RoomView(this.root, this.frame, this.notice);
    this.fullScreen = new FullScreen(this.root, (on) => this.#showFullScreen(on));
    this.hearMyself = byId("hear-myself", HTMLInputElement);
    this.showSelf = byId("show-self", HTMLInputElement);
    new DeviceSelect(byId("call-cam-list", HTMLSelectElement), "camera", media);
    new DeviceSelect(byId("call-mic-list", HTMLSelectElement), "microphone", media);
    this.#wire();
  }

  /**
   * @param {Call} call that is about to start
   * @param {import("../../call/room.js").Room | null} room that it is in
   * @param {string} roomLink the room's link
   */
  show(call, room, roomLink) {
    this.call = call;
    this.#wasLive = false;
    this.root.hidden = false;
    this.#showConversation(false);
    this.#setAudible(false);
    this.room.show(room, roomLink);
    if (room) this.showSelf.checked = false; // every place is taken by somebody; the settings bring it back
    this.frame.classList.remove("playing");
    call.addEventListener("state", (event) => this.#onState(call, /** @type {CustomEvent} */ (event).detail));
    call.addEventListener("message", (event) => this.#onMessage(call, /** @type {CustomEvent} */ (event).detail));
    call.addEventListener("media", (event) => {
      if (this.call === call) this.#play(/** @type {CustomEvent} */ (event).detail);
    });
    this.requests.attach(call);
    this.drive.attach(call);
    this.faceLost.attach(call);
    this.feelings.attach(call);
    this.background.attach(call);
    this.figures.start(() => call.peer);
    this.effects.start();
    this.#showFace();
    this.#showMedia();
    byId("call-title", HTMLElement).focus();
  }

  hide() {
    this.call = null;
    this.root.hidden = true;
    this.requests.detach();
    this.drive.detach();
    this.faceLost.detach();
    this.feelings.detach();
    this.background.detach();
    this.figures.stop();
    this.effects.stop();
    this.captions.show(false);
    this.panel.close();
    this.notice.clear();
    this.video.srcObject = null;
    this.recording.play(null);
    this.room.hide();
    this.selfView.show(null, false);
    void this.fullScreen.leave();
  }

  #wire() {
    const { media } = this;
    media.addEventListener("change", () => this.#showMedia());
    media.addEventListener("problem", (event) => {
      const code = /** @type {CustomEvent<string>} */ (event).detail;
      if (!this.call) return;
      if ((code === "camera_lost" || code === "microphone_lost") && this.drive.suggest(code)) return;
      this.notice.show(describe(code));
    });
    this.gallery.addEventListener("select", () => this.#showFace());
    this.video.addEventListener("playing", () => this.frame.classList.add("playing"));
    this.video.addEventListener("resize", () => this.setRatio(this.video.videoWidth, this.video.videoHeight));
    this.hearMyself.addEventListener("change", () => this.#setAudible(this.hearMyself.checked));
    this.showSelf.addEventListener("change", () => this.#showMedia());
    this.overlay.addEventListener("retry", () => this.call?.retryNow());
    this.overlay.addEventListener("cancel", () => this.call?.leave());
    this.panel.addEventListener("change", () => (this.root.dataset.panel = this.panel.page ?? ""));
    button("control-mic").addEventListener("click", () => void this.#toggleMute());
    button("control-cam").addEventListener("click", () => void this.#toggleCamera());
    button("control-calibrate").addEventListener("click", () => void this.requests.calibrate(media.cameraOn));
    button("control-full").addEventListener("click", () => void this.fullScreen.toggle());
    button("control-leave").addEventListener("click", () => this.call?.leave());
    button("control-full").hidden = !this.fullScreen.possible;
    addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.call) return;
    const action = actionFor(event, {
      typing: isTyping(document.activeElement),
      dialog: document.querySelector("dialog[open]") !== null,
    });
    if (!action) return;
    if (action === "escape") {
      // The browser itself leaves full screen with Escape.
      if (this.requests.cancel() || this.feelings.close() || this.panel.close()) event.preventDefault();
      return;
    }
    event.preventDefault();
    if (action === "mute") void this.#toggleMute();
    if (action === "camera") void this.#toggleCamera();
    if (action === "fullscreen" && this.fullScreen.possible) void this.fullScreen.toggle();
    if (action === "feelings") this.feelings.toggle();
    if (action === "calibrate") void this.requests.calibrate(this.media.cameraOn);
  }

  async #toggleMute() {
    await this.media.toggleMute();
    announce(this.media.microphoneOn ? "Microphone on" : "Microphone muted");
    if (this.media.microphoneOn) this.drive.suggest("microphone_on");
  }

  async #toggleCamera() {
    await this.media.toggleCamera();
    announce(this.media.cameraOn ? "Camera on" : "Camera off");
    this.drive.suggest(this.media.cameraOn ? "camera_on" : "camera_off");
  }

  /**
   * @param {Call} call
   * @param {CallStatus} status
   */
  #onState(call, status) {
    if (this.call !== call) return;
    this.root.dataset.state = status.state;
    this.overlay.show(status);
    if (status.state !== "live") {
      // A closed connection leaves a black picture; the portrait is the better backdrop for the overlay.
      this.frame.classList.remove("playing");
      this.faceLost.clear();
      return;
    }
    announce(this.#wasLive ? "Connected again." : "You are in the call.");
    if (!this.#wasLive) this.#explainDrive(call);
    this.#wasLive = true;
    this.figures.look();
    this.requests.resume();
  }

  /** @param {Call} call that has just begun; with a camera or an echo there is nothing to explain */
  #explainDrive(call) {
    const { cameraOn, microphone, microphoneOn } = this.media;
    if (cameraOn || call.settings.mode === "echo") return;
    const code = microphone === null ? "nothing_moves" : microphoneOn ? "voice_moves" : "voice_muted";
    this.notice.show(describe(code), "info", { key: "what_moves", forMs: 8000 });
  }

  /**
   * @param {Call} call
   * @param {ServerMessage} message
   */
  #onMessage(call, message) {
    if (this.call !== call) return;
    if (message.type === "stats") this.figures.server = message;
    if (message.type === "drive") this.#showConversation(message.drive === "conversation");
    if (message.type === "answered") this.figures.answered = message;
    this.faceLost.onMessage(message);
    this.captions.onMessage(message);
    this.watchLink.onMessage(message);
    this.recording.onMessage(message);
    if (message.type === "error" && !message.reply_to) this.notice.show(describe(message.code, message.detail));
  }

  /** @param {boolean} on whether there is a conversation: then the avatar is heard, and captions are shown */
  #showConversation(on) {
    if (on !== this.captions.root.hidden) return;
    if (on) this.#audibleOutsideConversation = this.hearMyself.checked;
    this.root.classList.toggle("conversation", on);
    this.captions.show(on);
    this.figures.answered = null;
    this.#setAudible(on || this.#audibleOutsideConversation);
  }

  /** @param {boolean} on whether the returned sound is played */
  #setAudible(on) {
    this.hearMyself.checked = on;
    this.video.muted = !on;
    void this.call?.setAudible(on);
  }

  /** @param {MediaStream} stream */
  #play(stream) {
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    this.recording.play(stream);
    this.video.play().catch(() => undefined); // Interrupted by the next stream, or by leaving: neither is an error.
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
    if (!media.cameraOn) this.faceLost.clear();
  }

  #showFace() {
    const face = this.gallery.selected;
    if (!face) return;
    const poster = byId("poster", HTMLImageElement);
    if (poster.getAttribute("src") !== face.preview) poster.src = face.preview;
    this.backdrop.show(face.preview);
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
    if (width <= 0 || height <= 0) return;
    for (const element of [this.frame, this.room.tiles]) element.style.setProperty("--ratio", String(width / height));
  }
}
