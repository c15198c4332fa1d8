/** The lobby, before a call: the chosen face large, the user's camera small, and the faces to choose from. */

import { previewText } from "../call/drive.js";
import { canUseDevices, isAllowed } from "../media/devices.js";
import { getToken, setToken } from "../protocol/access-token.js";
import { DeviceSelect } from "./device-select.js";
import { button, byId, setIcon, showTrack, video } from "./dom.js";
import { FaceGrid } from "./face-grid.js";
import { Notice } from "./notice.js";
import { RoomLobby } from "./room-lobby.js";
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
    this.room = new RoomLobby();
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
    button("show-token").addEventListener("click", () => showSecret(token, button("show-token")));
    this.room.addEventListener("change", () => this.#showRoom());
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
    this.room.setSeen(true);
    this.#showFace();
    this.#showRoom();
    if (!canUseDevices()) this.notice.show(describe("insecure_context"), "error", { key: "device" });
    else if ((await isAllowed("camera")) && !this.root.hidden && !this.media.cameraOn) await this.media.start();
  }

  hide() {
    this.root.hidden = true;
    this.room.setSeen(false);
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

  #showRoom() {
    this.join.textContent = this.room.id === null ? "Join" : "Join the room";
    if (this.room.linkBroken) this.notice.show(describe("bad_room"), "error", { key: "bad_room" });
    else this.notice.clear("bad_room");
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

/**
 * Show what a field hides, or hide it again: whoever looks on, or sees a shared screen, is not to have it.
 *
 * @param {HTMLInputElement} field
 * @param {HTMLButtonElement} toggle
 */
function showSecret(field, toggle) {
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  toggle.textContent = shown ? "Hide" : "Show";
  toggle.setAttribute("aria-pressed", String(shown));
}
