/** The lobby, before a call: the chosen face large, the user's camera small, and the faces to choose from. */

import { previewText } from "../call/drive.js";
import { canUseDevices, isAllowed } from "../media/devices.js";
import { getToken, setToken } from "../protocol/access-token.js";
import { DeviceSelect } from "./device-select.js";
import { button, byId, setIcon, showTrack, video } from "./dom.js";
import { FaceGrid } from "./face-grid.js";
import { Notice } from "./notice.js";
import { describe } from "./texts/describe.js";

/** Events: "join" (with devices), "join-without" (with the microphone alone). */
export class Lobby extends EventTarget {
  /**
   * @param {import("../media/face-gallery.js").FaceGallery} gallery
   * @param {import("../media/local-media.js").LocalMedia} media
   */
  constructor(gallery, media) {
    super();
    this.gallery = gallery;
    this.media = media;
    this.root = byId("lobby", HTMLElement);
    this.selfTile = byId("lobby-self", HTMLElement);
    this.join = button("join");
    this.joinWithout = button("join-without");
    this.notice = new Notice(byId("lobby-notice", HTMLElement));
    this.faces = new FaceGrid(byId("lobby-faces", HTMLElement), gallery, "lobby-face");
    new DeviceSelect(byId("lobby-cam-list", HTMLSelectElement), "camera", media);
    new DeviceSelect(byId("lobby-mic-list", HTMLSelectElement), "microphone", media);

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
      this.notice.show(describe(/** @type {CustomEvent} */ (event).detail), "error", { key: "device" });
    });
    this.#showMedia();
  }

  /** Show the lobby, at first or after a call. */
  async show() {
    this.root.hidden = false;
    this.#showFace();
    if (!canUseDevices()) this.notice.show(describe("insecure_context"), "error", { key: "device" });
    else if ((await isAllowed("camera")) && !this.root.hidden && !this.media.cameraOn) await this.media.start();
  }

  hide() {
    this.root.hidden = true;
    this.notice.clear();
  }

  /** Show or hide the field for the access token. @param {boolean} required */
  showTokenField(required) {
    this.tokenField.hidden = !required;
  }

  /** @param {"camera" | "microphone"} kind */
  async #toggle(kind) {
    this.notice.clear();
    // The first time, one permission prompt for both devices is kinder than two.
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
    this.selfTile.classList.toggle("off", !media.cameraOn);
    const mic = button("lobby-mic");
    const cam = button("lobby-cam");
    mic.setAttribute("aria-pressed", String(media.microphoneOn));
    cam.setAttribute("aria-pressed", String(media.cameraOn));
    setIcon(mic, media.microphoneOn ? "mic" : "mic-off");
    setIcon(cam, media.cameraOn ? "camera" : "camera-off");
    mic.dataset.tip = media.microphoneOn ? "Mute the microphone" : "Turn the microphone on";
    cam.dataset.tip = media.cameraOn ? "Turn the camera off" : "Turn the camera on";
    mic.disabled = cam.disabled = media.busy;
    byId("lobby-lead", HTMLElement).textContent = previewText(media);
    if (media.cameraOn) this.notice.clear("device");
  }
}
