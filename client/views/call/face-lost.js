/** Says that the camera shows no face, where a face is what moves the avatar. */

import { describe } from "../texts/describe.js";

/** @typedef {import("../../call/call.js").Call} Call */
/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */

/** Seconds of camera pictures without a face after which the page says so. */
const AFTER_S = 3;

export class FaceLost {
  /** @type {Call | null} */
  #call = null;
  #secondsWithout = 0;

  /**
   * @param {import("../../media/local-media.js").LocalMedia} media
   * @param {import("../notice.js").Notice} notice
   */
  constructor(media, notice) {
    this.media = media;
    this.notice = notice;
  }

  /** @param {Call} call that is about to start */
  attach(call) {
    this.#call = call;
    this.#secondsWithout = 0;
  }

  detach() {
    this.#call = null;
  }

  /** @param {ServerMessage} message */
  onMessage(message) {
    if (message.type === "face") this.#show(message.state === "tracked");
    if (message.type === "stats") this.#count(message);
    if (message.type === "drive" && (message.drive === "voice" || message.drive === "conversation")) this.clear();
  }

  clear() {
    this.notice.clear("face_lost");
  }

  /**
   * Count the seconds without a face: the server sends no "face" message for one that it has never found.
   *
   * @param {import("../../protocol/data-channel.js").ServerStats} stats
   */
  #count(stats) {
    const seen = stats.face === "tracked" || stats.face === "held";
    const expected = stats.camera_fps > 0 && this.#call?.settings.mode !== "echo" && this.#cameraDrives();
    this.#secondsWithout = seen || !expected ? 0 : this.#secondsWithout + 1;
    if (this.#secondsWithout === AFTER_S) this.#show(false);
    if (seen) this.#show(true);
  }

  #cameraDrives() {
    return ["camera", "both"].includes(this.#call?.settings.drive ?? "camera");
  }

  /** @param {boolean} seen */
  #show(seen) {
    if (seen || !this.media.cameraOn || !this.#cameraDrives()) this.clear();
    else this.notice.show(describe("face_lost"), "info", { key: "face_lost" });
  }
}
