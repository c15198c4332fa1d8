/** The two requests about the face in a call: to calibrate the resting face, and to change to another face. */

import { RequestRefused } from "../../protocol/pending-requests.js";
import { countDown } from "../countdown.js";
import { announce, byId } from "../dom.js";
import { describe } from "../texts/describe.js";

const COUNTDOWN_S = 3;
/** Arrow keys pass over faces on the way to the chosen one: only the face on which they stay this long is requested. */
const SETTLE_MS = 250;
const CHANGE_TIMEOUT_MS = 15_000;

export class FaceRequests {
  /** @type {import("../../call/call.js").Call | null} */
  #call = null;
  /** @type {AbortController | null} */
  #countdown = null;
  #changing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settleTimer;

  /**
   * @param {import("../../media/face-gallery.js").FaceGallery} gallery
   * @param {import("../notice.js").Notice} notice
   * @param {import("../face-grid.js").FaceGrid} faces
   */
  constructor(gallery, notice, faces) {
    this.gallery = gallery;
    this.notice = notice;
    this.faces = faces;
    this.box = byId("countdown", HTMLElement);
    gallery.addEventListener("select", () => {
      clearTimeout(this.#settleTimer);
      if (this.#call) this.#settleTimer = setTimeout(() => void this.#changeFace(), SETTLE_MS);
    });
  }

  /** @param {import("../../call/call.js").Call} call */
  attach(call) {
    this.#call = call;
  }

  detach() {
    this.cancel();
    clearTimeout(this.#settleTimer);
    this.#call = null;
    this.faces.setBusy(null);
  }

  /** The call is live again: request what was chosen while it was not. */
  resume() {
    void this.#changeFace();
  }

  /** Stop the countdown. @returns {boolean} true when one was running */
  cancel() {
    const running = this.#countdown !== null;
    this.#countdown?.abort();
    return running;
  }

  /**
   * Count down, then have the server take the face that the camera sees as the resting one.
   *
   * @param {boolean} cameraOn
   */
  async calibrate(cameraOn) {
    const call = this.#call;
    if (!call || this.#countdown) return;
    const refusal = calibrationRefusal(call, cameraOn);
    if (refusal) return this.notice.show(refusal, "info", { forMs: 6000 });
    this.#countdown = new AbortController();
    byId("countdown-text", HTMLElement).textContent = "Relax your face and look at the camera";
    announce("Relax your face and look at the camera.");
    this.box.hidden = false;
    const ready = await countDown(
      COUNTDOWN_S,
      (left) => {
        byId("countdown-number", HTMLElement).textContent = String(left);
        announce(String(left));
      },
      this.#countdown.signal,
    );
    this.#countdown = null;
    this.box.hidden = true;
    if (!ready || this.#call !== call) return;
    try {
      await call.request({ type: "calibrate" });
      const done = { title: "Resting face set", text: "The avatar rests when your face looks like this." };
      this.notice.show(done, "success", { forMs: 4000 });
    } catch (error) {
      const detail = error instanceof RequestRefused && error.code !== "no_reply" ? error.detail : "";
      const { title, text } = describe("calibration_failed");
      this.notice.show({ title, text: detail || text }, "error", { forMs: 8000 });
    }
  }

  async #changeFace() {
    const call = this.#call;
    const face = this.gallery.selected;
    // One at a time: the server takes no second request while it changes the face; the newest is sent afterwards.
    if (!call || this.#changing || !face || face.id === call.settings.avatar) return;
    if (call.status.state !== "live") {
      call.settings.avatar = face.id; // The next connection begins with it.
      return;
    }
    this.faces.setBusy(face.id);
    this.#changing = true;
    try {
      await call.request({ type: "set_avatar", avatar: face.id }, CHANGE_TIMEOUT_MS);
      call.settings.avatar = face.id;
      announce(`You are now ${face.name || "your own face"}.`);
    } catch (error) {
      if (this.#call !== call || call.status.state !== "live") return; // Requested again once the call is live.
      const { code, detail } = error instanceof RequestRefused ? error : { code: "error", detail: String(error) };
      this.notice.show(describe(code, detail), "error", { forMs: 8000 });
      if (code === "unknown_avatar") this.gallery.forget(face.id);
      if (this.gallery.selected?.id === face.id || code === "unknown_avatar") this.gallery.select(call.settings.avatar);
    } finally {
      this.#changing = false;
      this.faces.setBusy(null);
    }
    void this.#changeFace();
  }
}

/**
 * Why the resting face cannot be calibrated now; null when it can.
 *
 * @param {import("../../call/call.js").Call} call
 * @param {boolean} cameraOn
 */
function calibrationRefusal({ settings, status }, cameraOn) {
  if (settings.drive === "voice") return describe("calibration_in_voice");
  if (settings.drive === "conversation") return describe("calibration_in_conversation");
  if (!cameraOn) return describe("calibration_needs_camera");
  return status.state === "live" ? null : describe("not_connected");
}
