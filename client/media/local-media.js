/** The user's camera and microphone: on or off, muted or not, and which ones. Used by the lobby and by the call. */

import { loadPreference, savePreference } from "../preferences.js";
import { cameraConstraints } from "../protocol/camera-limits.js";
import { CAMERA_CONSTRAINTS, DeviceError, mainProblem, openBoth, openDevice } from "./devices.js";

/** @typedef {import("../protocol/camera-limits.js").CameraLimits} CameraLimits */

/**
 * Events: "change" (any property may have changed), "problem" (CustomEvent, detail: a code of views/texts).
 */
export class LocalMedia extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  camera = null;
  /** @type {MediaStreamTrack | null} */
  microphone = null;
  /** A muted microphone keeps sending silence, so unmuting is immediate. */
  muted = false;
  /** A device is being opened. */
  busy = false;

  /** @type {CameraLimits | null} */
  #limits = null;
  #limitsLifted = false;
  /** What the camera gives without limits. */
  #cameraSize = /** @type {MediaTrackSettings} */ ({});

  /** @type {Promise<unknown>} */
  #lastTask = Promise.resolve();
  #ids = { camera: loadPreference("camera") ?? "", microphone: loadPreference("microphone") ?? "" };

  get cameraOn() {
    return this.camera !== null;
  }

  get microphoneOn() {
    return this.microphone !== null && !this.muted;
  }

  /** @param {"camera" | "microphone"} kind */
  deviceId(kind) {
    return this[kind]?.getSettings().deviceId ?? this.#ids[kind];
  }

  /** Open both devices; "problem" reports what cannot be opened. Returns true when the camera is on. */
  async start() {
    await this.#enqueue(async () => {
      if (this.camera) return;
      const opened = await openBoth(this.#ids);
      this.#setTrack("camera", opened.camera);
      this.#setTrack("microphone", opened.microphone);
      if (this.#limits) await this.#applyLimits();
      const problem = mainProblem(opened.problems);
      if (problem) this.#reportProblem(problem);
    });
    return this.cameraOn;
  }

  async toggleCamera() {
    if (this.camera) this.#stopTrack("camera");
    else await this.#open("camera");
    this.#changed();
  }

  async toggleMute() {
    if (!this.microphone) {
      this.muted = false;
      await this.#open("microphone");
    } else {
      this.muted = !this.muted;
      this.microphone.enabled = !this.muted;
    }
    this.#changed();
  }

  /**
   * Change the device; if that kind is off, only the choice is stored.
   *
   * @param {"camera" | "microphone"} kind
   * @param {string} id
   */
  async choose(kind, id) {
    this.#ids[kind] = id;
    savePreference(kind, id);
    if (!this[kind]) return;
    // Some cameras cannot be opened twice, so the old one goes first.
    this.#stopTrack(kind);
    await this.#open(kind);
  }

  /**
   * Have the camera give no more than this, also the one that is chosen next. A camera that cannot do it goes on as it is.
   *
   * @param {CameraLimits | null} limits null: as the page itself wants it
   */
  async limitCamera(limits) {
    if (limits === this.#limits) return;
    this.#limits = limits;
    await this.#applyLimits();
  }

  /**
   * Lift the limits for a while, as for a photo.
   *
   * @param {boolean} lifted
   */
  async liftLimits(lifted) {
    if (lifted === this.#limitsLifted) return;
    this.#limitsLifted = lifted;
    if (this.#limits) await this.#applyLimits();
  }

  async #applyLimits() {
    const limits = this.#limitsLifted ? null : this.#limits;
    try {
      await this.camera?.applyConstraints(limits ? cameraConstraints(limits, this.#cameraSize) : CAMERA_CONSTRAINTS);
    } catch {
      // The sender makes the picture smaller then.
    }
  }

  /** Open the microphone and close the camera. "problem" reports a microphone that cannot be opened. */
  async startMicrophoneOnly() {
    await this.#enqueue(async () => {
      this.#stopTrack("camera");
      await this.#openNow("microphone");
    });
  }

  /** @param {"camera" | "microphone"} kind */
  #open(kind) {
    return this.#enqueue(() => this.#openNow(kind));
  }

  /** @param {"camera" | "microphone"} kind */
  async #openNow(kind) {
    if (this[kind]) return;
    try {
      this.#setTrack(kind, await openDevice(kind, this.#ids[kind]));
      if (kind === "camera" && this.#limits) await this.#applyLimits();
    } catch (error) {
      this.#reportProblem(error instanceof DeviceError ? error.code : `${kind}_busy`);
    }
  }

  /**
   * Run tasks one after the other: joining while the camera is still being opened waits for it.
   *
   * @param {() => Promise<void>} task
   */
  async #enqueue(task) {
    const before = this.#lastTask;
    const now = (async () => {
      await before;
      this.busy = true;
      this.#changed();
      try {
        await task();
      } finally {
        this.busy = false;
        this.#changed();
      }
    })();
    this.#lastTask = now.catch(() => undefined);
    await now;
  }

  /**
   * @param {"camera" | "microphone"} kind
   * @param {MediaStreamTrack | null} track
   */
  #setTrack(kind, track) {
    if (!track) return;
    this.#stopTrack(kind);
    this[kind] = track;
    if (kind === "microphone") track.enabled = !this.muted;
    if (kind === "camera") {
      track.contentHint = "motion";
      this.#cameraSize = track.getSettings();
    }
    track.addEventListener("ended", () => {
      if (this[kind] !== track) return;
      this.#stopTrack(kind);
      this.#reportProblem(`${kind}_lost`);
      this.#changed();
    });
  }

  /** @param {"camera" | "microphone"} kind */
  #stopTrack(kind) {
    const track = this[kind];
    this[kind] = null;
    track?.stop();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} code */
  #reportProblem(code) {
    this.dispatchEvent(new CustomEvent("problem", { detail: code }));
  }
}
