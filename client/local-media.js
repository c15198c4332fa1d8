/** The user's own camera and microphone: on or off, muted or not, and which ones. Used by the lobby and by the call. */

import { DeviceError, mainProblem, openBoth, openDevice } from "./devices.js";
import { recall, remember } from "./memory.js";

/**
 * Events: "change" (any property may have changed), "problem" (CustomEvent, detail: a code of messages.js).
 */
export class LocalMedia extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  camera = null;
  /** @type {MediaStreamTrack | null} */
  microphone = null;
  /** The user wants silence. A muted microphone keeps sending silence, so unmuting is immediate. */
  muted = false;
  /** A device is being opened. */
  busy = false;

  /** @type {Promise<unknown>} */
  #working = Promise.resolve();
  #ids = { camera: recall("camera") ?? "", microphone: recall("microphone") ?? "" };

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

  /** Ask for both devices at once; whatever cannot be had is told as a problem. Returns true when the camera is on. */
  async start() {
    await this.#inTurn(async () => {
      if (this.camera) return;
      const opened = await openBoth(this.#ids);
      this.#take("camera", opened.camera);
      this.#take("microphone", opened.microphone);
      const problem = mainProblem(opened.problems);
      if (problem) this.#tell(problem);
    });
    return this.cameraOn;
  }

  async toggleCamera() {
    if (this.camera) this.#drop("camera");
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
   * Change the device; if that kind is off, it is only remembered.
   *
   * @param {"camera" | "microphone"} kind
   * @param {string} id
   */
  async choose(kind, id) {
    this.#ids[kind] = id;
    remember(kind, id);
    if (!this[kind]) return;
    // Some cameras cannot be opened twice, so the old one goes first.
    this.#drop(kind);
    await this.#open(kind);
  }

  /** Have the microphone alone: the camera's light goes out. A microphone that cannot be had is told as a problem. */
  async startVoice() {
    await this.#inTurn(async () => {
      this.#drop("camera");
      await this.#openNow("microphone");
    });
  }

  /** @param {"camera" | "microphone"} kind */
  #open(kind) {
    return this.#inTurn(() => this.#openNow(kind));
  }

  /** @param {"camera" | "microphone"} kind */
  async #openNow(kind) {
    if (this[kind]) return;
    try {
      this.#take(kind, await openDevice(kind, this.#ids[kind]));
    } catch (error) {
      this.#tell(error instanceof DeviceError ? error.code : `${kind}_busy`);
    }
  }

  /**
   * Do one thing after the other: who joins while the camera is still being opened waits for it.
   *
   * @param {() => Promise<void>} work
   */
  async #inTurn(work) {
    const before = this.#working;
    const now = (async () => {
      await before;
      this.busy = true;
      this.#changed();
      try {
        await work();
      } finally {
        this.busy = false;
        this.#changed();
      }
    })();
    this.#working = now.catch(() => undefined);
    await now;
  }

  /**
   * @param {"camera" | "microphone"} kind
   * @param {MediaStreamTrack | null} track
   */
  #take(kind, track) {
    if (!track) return;
    this.#drop(kind);
    this[kind] = track;
    if (kind === "microphone") track.enabled = !this.muted;
    if (kind === "camera") track.contentHint = "motion";
    track.addEventListener("ended", () => {
      if (this[kind] !== track) return;
      this.#drop(kind);
      this.#tell(`${kind}_lost`);
      this.#changed();
    });
  }

  /** @param {"camera" | "microphone"} kind */
  #drop(kind) {
    const track = this[kind];
    this[kind] = null;
    track?.stop();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} code */
  #tell(code) {
    this.dispatchEvent(new CustomEvent("problem", { detail: code }));
  }
}
