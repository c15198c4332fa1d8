/** The dialog that takes a photo with the camera: an oval to put the face in, and a countdown of three seconds. */

import { DeviceError, openDevice } from "../media/devices.js";
import { captureFrame } from "../media/photo.js";
import { countDown } from "./countdown.js";
import { announce, button, byId, showTrack, video } from "./dom.js";
import { Notice } from "./notice.js";
import { describe } from "./texts/describe.js";

export class PhotoBooth {
  /** @param {import("../media/local-media.js").LocalMedia} media */
  constructor(media) {
    this.media = media;
    this.dialog = byId("photo-booth", HTMLDialogElement);
    this.video = video("booth-video");
    this.count = byId("booth-count", HTMLElement);
    this.shoot = button("booth-shoot");
    this.notice = new Notice(byId("booth-notice", HTMLElement));
  }

  /** @returns {Promise<File | null>} null when the user closed the dialog */
  async take() {
    const closing = new AbortController();
    this.dialog.addEventListener("close", () => closing.abort(), { once: true });
    this.notice.clear();
    this.shoot.disabled = true;
    this.dialog.showModal();
    // A camera already on for the call is shared; one opened for the photo is closed after it.
    /** @type {MediaStreamTrack | null} */
    let own = null;
    try {
      if (!this.media.camera) own = await openDevice("camera", this.media.deviceId("camera"));
      if (closing.signal.aborted) return null;
      await this.media.liftLimits(true);
      showTrack(this.video, own ?? this.media.camera);
      await once(this.video, "playing", closing.signal);
      this.shoot.disabled = false;
      return await this.#shoot(closing.signal);
    } catch (error) {
      this.notice.show(describe(error instanceof DeviceError ? error.code : "camera_busy"));
      await aborted(closing.signal);
      return null;
    } finally {
      own?.stop();
      void this.media.liftLimits(false);
      this.video.srcObject = null;
      if (this.dialog.open) this.dialog.close();
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<File | null>}
   */
  async #shoot(signal) {
    this.shoot.focus();
    if (!(await once(this.shoot, "click", signal))) return null;
    this.shoot.disabled = true;
    const done = await countDown(
      3,
      (left) => {
        this.count.textContent = String(left);
        announce(String(left));
      },
      signal,
    );
    this.count.textContent = "";
    return done ? captureFrame(this.video) : null;
  }
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} false when it was aborted
 */
function once(target, type, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    target.addEventListener(type, () => resolve(true), { once: true, signal });
    signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}

/** @param {AbortSignal} signal */
function aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", resolve, { once: true });
  });
}
