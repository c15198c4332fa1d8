/** Before the call: the chosen face large, the user's own camera small, and the faces to choose from. */

import { DeviceChoice } from "./device-choice.js";
import { canAsk, isAllowed } from "./devices.js";
import { button, byId, setIcon, showTrack, video } from "./dom.js";
import { promise } from "./drive.js";
import { FaceGrid } from "./face-grid.js";
import { describe } from "./messages.js";
import { Notice } from "./notice.js";
import { getToken, setToken } from "./token.js";

/** Events: "join" (with devices), "join-without" (with the microphone alone). */
export class Lobby extends EventTarget {
  /**
   * @param {import("./gallery.js").Gallery} gallery
   * @param {import("./local-media.js").LocalMedia} media
   */
  constructor(gallery, media) {
    super();
    this.gallery = gallery;
    this.media = media;
    this.root = byId("lobby", HTMLElement);
    this.self = byId("lobby-self", HTMLElement);
    this.join = button("join");
    this.joinWithout = button("join-without");
    this.notice = new Notice(byId("lobby-notice", HTMLElement));
    this.faces = new FaceGrid(byId("lobby-faces", HTMLElement), gallery, "lobby-face");
    new DeviceChoice(byId("lobby-cam-list", HTMLSelectElement), "camera", media);
    new DeviceChoice(byId("lobby-mic-list", HTMLSelectElement), "microphone", media);

    this.join.addEventListener("click", () => this.dispatchEvent(new Event("join")));
    this.joinWithout.addEventListener("click", () => this.dispatchEvent(new Event("join-without")));
    button("lobby-mic").addEventListener("click", () => void this.#toggle("microphone"));
    button("lobby-cam").addEventListener("click", () => void this.#toggle("camera"));
    this.tokenField = byId("token-field", HTMLElement);
    const token = byId("token", HTMLInputElement);
    token.value = getToken();
    token.addEventListener("change", () => setToken(token.value));
    gallery.addEventListener("select", () => this.#showFace());
    media.addEventListener("change", () => this.#showMedia());
    media.addEventListener("problem", (event) => {
      if (this.root.hidden) return;
      this.notice.show(describe(/** @type {CustomEvent} */ (event).detail), "trouble", { key: "device" });
    });
    this.#showMedia();
  }

  /** Come (back) to the lobby. */
  async show() {
    this.root.hidden = false;
    this.#showFace();
    if (!canAsk()) this.notice.show(describe("insecure_context"), "trouble", { key: "device" });
    else if ((await isAllowed("camera")) && !this.root.hidden && !this.media.cameraOn) await this.media.start();
  }

  hide() {
    this.root.hidden = true;
    this.notice.clear();
  }

  /** Show or hide the field for the token of a guarded server. @param {boolean} wanted */
  askForToken(wanted) {
    this.tokenField.hidden = !wanted;
  }

  /** @param {"camera" | "microphone"} kind */
  async #toggle(kind) {
    this.notice.clear();
    // The first time, one question for both devices is kinder than two.
    if (!this.media.camera && !this.media.microphone) await this.media.start();
    else if (kind === "camera") await this.media.toggleCamera();
    else await this.media.toggleMute();
  }

  #showFace() {
    const face = this.gallery.selected;
    const picture = byId("hero-image", HTMLImageElement);
    this.join.disabled = this.joinWithout.disabled = face === null;
    if (!face) return;
    if (picture.getAttribute("src") !== face.preview) picture.src = face.preview;
    picture.alt = face.name || "Your face";
    byId("hero-name", HTMLElement).textContent = face.name || "My face";
  }

  #showMedia() {
    const { media } = this;
    showTrack(video("lobby-camera"), media.camera);
    this.self.classList.toggle("off", !media.cameraOn);
    const mic = button("lobby-mic");
    const cam = button("lobby-cam");
    mic.setAttribute("aria-pressed", String(media.microphoneOn));
    cam.setAttribute("aria-pressed", String(media.cameraOn));
    setIcon(mic, media.microphoneOn ? "mic" : "mic-off");
    setIcon(cam, media.cameraOn ? "camera" : "camera-off");
    mic.dataset.tip = media.microphoneOn ? "Mute the microphone" : "Turn the microphone on";
    cam.dataset.tip = media.cameraOn ? "Turn the camera off" : "Turn the camera on";
    mic.disabled = cam.disabled = media.busy;
    byId("lobby-lead", HTMLElement).textContent = promise(media);
    if (media.cameraOn) this.notice.clear("device");
  }
}
