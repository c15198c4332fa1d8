/** Records what the avatar shows and says into a file on this computer. */

/**
 * From the one that plays in the most places on; but avc3 before avc1: a call's picture may change its size, and only
 * avc3 says the new one inside the stream. Chromium's avc1 keeps the first, with which the rest decodes to rubbish.
 */
const TYPES = Object.freeze([
  "video/mp4;codecs=avc3.42E01F,mp4a.40.2",
  "video/mp4;codecs=avc3.42E01F,opus",
  "video/mp4;codecs=avc1.42E01F,mp4a.40.2",
  "video/mp4;codecs=avc1.42E01F,opus",
  "video/webm;codecs=vp9,opus",
  "video/webm;codecs=vp8,opus",
  "video/webm",
]);
/** Milliseconds after which what was recorded is handed over: with a page that dies, no more is lost. */
const PIECE_MS = 1000;

/** @returns {string | null} the best type that this browser records; null: it records none */
export function recordedType() {
  if (typeof MediaRecorder === "undefined") return null;
  return TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null;
}

/**
 * The name of a recording, such as "avatar 2026-11-29 01.05.mp4".
 *
 * @param {Date} when
 * @param {string} type
 */
export function recordingName(when, type) {
  /** @param {number} number */
  const two = (number) => String(number).padStart(2, "0");
  const day = `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
  const time = `${two(when.getHours())}.${two(when.getMinutes())}.${two(when.getSeconds())}`;
  return `avatar ${day} ${time}.${type.startsWith("video/mp4") ? "mp4" : "webm"}`;
}

/** One recording. It ends by `stop`, or by itself when its stream ends. */
export class StreamRecorder {
  /** @type {Blob[]} */
  #pieces = [];
  #recorder;
  /** @type {Promise<Blob>} */
  ended;

  /**
   * @param {MediaStream} stream
   * @param {string} type of `recordedType`
   */
  constructor(stream, type) {
    this.#recorder = new MediaRecorder(stream, { mimeType: type });
    this.#recorder.addEventListener("dataavailable", (event) => {
      if (event.data.size > 0) this.#pieces.push(event.data);
    });
    this.ended = new Promise((resolve) => {
      // An error is followed by "stop", and what came before it plays.
      this.#recorder.addEventListener("stop", () => resolve(new Blob(this.#pieces, { type })), { once: true });
    });
    this.#recorder.start(PIECE_MS);
  }

  /** @returns {Promise<Blob>} the whole recording */
  stop() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    return this.ended;
  }
}
