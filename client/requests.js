/** What the user asks of the face in a call: to take the resting face now, or to become another face. */

import { ControlRefused } from "./control.js";
import { countDown } from "./countdown.js";
import { announce, byId } from "./dom.js";
import { describe } from "./messages.js";

const GET_READY_S = 3;
/** Arrow keys pass over faces on the way to the one wanted: only where they come to rest is asked for. */
const SETTLE_MS = 250;
const SWAP_TIMEOUT_MS = 15_000;

export class FaceRequests {
  /** @type {import("./call.js").Call | null} */
  #call = null;
  /** @type {AbortController | null} */
  #counting = null;
  #swapping = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;

  /**
   * @param {import("./gallery.js").Gallery} gallery
   * @param {import("./notice.js").Notice} notice
   * @param {import("./face-grid.js").FaceGrid} faces
   */
  constructor(gallery, notice, faces) {
    this.gallery = gallery;
    this.notice = notice;
    this.faces = faces;
    this.box = byId("countdown", HTMLElement);
    gallery.addEventListener("select", () => {
      clearTimeout(this.#settling);
      if (this.#call) this.#settling = setTimeout(() => void this.#swap(), SETTLE_MS);
    });
  }

  /** @param {import("./call.js").Call} call */
  attach(call) {
    this.#call = call;
  }

  detach() {
    this.cancel();
    clearTimeout(this.#settling);
    this.#call = null;
    this.faces.setBusy(null);
  }

  /** The call is live again: ask for what was chosen while it was not. */
  resume() {
    void this.#swap();
  }

  /** @returns {boolean} true when a countdown was running */
  cancel() {
    const running = this.#counting !== null;
    this.#counting?.abort();
    return running;
  }

  /**
   * Count down, then take the face the camera sees as the one at rest.
   *
   * @param {boolean} cameraOn
   */
  async calibrate(cameraOn) {
    const call = this.#call;
    if (!call || this.#counting) return;
    if (call.wish.drive === "voice") return this.notice.show(describe("calibration_in_voice"), "plain", { forMs: 6000 });
    if (call.wish.drive === "conversation")
      return this.notice.show(describe("calibration_in_conversation"), "plain", { forMs: 6000 });
    if (!cameraOn) return this.notice.show(describe("calibration_needs_camera"), "plain", { forMs: 6000 });
    if (call.status.state !== "live") return this.notice.show(describe("not_connected"), "plain", { forMs: 6000 });
    this.#counting = new AbortController();
    byId("countdown-text", HTMLElement).textContent = "Relax your face and look at the camera";
    announce("Relax your face and look at the camera.");
    this.box.hidden = false;
    const ready = await countDown(
      GET_READY_S,
      (left) => {
        byId("countdown-number", HTMLElement).textContent = String(left);
        announce(String(left));
      },
      this.#counting.signal,
    );
    this.#counting = null;
    this.box.hidden = true;
    if (!ready || this.#call !== call) return;
    try {
      await call.ask({ type: "calibrate" }, "calibrated");
      const done = { title: "Resting face set", text: "The avatar rests when your face looks like this." };
      this.notice.show(done, "good", { forMs: 4000 });
    } catch (error) {
      const detail = error instanceof ControlRefused && error.code !== "no_reply" ? error.detail : "";
      const { title, text } = describe("calibration_failed");
      this.notice.show({ title, text: detail || text }, "trouble", { forMs: 8000 });
    }
  }

  async #swap() {
    const call = this.#call;
    const face = this.gallery.selected;
    // One at a time: the server takes no second wish while it changes the face; the newest is asked for afterwards.
    if (!call || this.#swapping || !face || face.id === call.wish.avatar) return;
    if (call.status.state !== "live") {
      call.wish.avatar = face.id; // The next try joins with it.
      return;
    }
    this.faces.setBusy(face.id);
    this.#swapping = true;
    try {
      await call.ask({ type: "set_avatar", avatar: face.id }, "avatar", SWAP_TIMEOUT_MS);
      call.wish.avatar = face.id;
      announce(`You are now ${face.name || "your own face"}.`);
    } catch (error) {
      if (this.#call !== call || call.status.state !== "live") return; // Asked again once the call is back.
      const { code, detail } = error instanceof ControlRefused ? error : { code: "error", detail: String(error) };
      this.notice.show(describe(code, detail), "trouble", { forMs: 8000 });
      if (code === "unknown_avatar") this.gallery.forget(face.id);
      if (this.gallery.selected?.id === face.id || code === "unknown_avatar") this.gallery.select(call.wish.avatar);
    } finally {
      this.#swapping = false;
      this.faces.setBusy(null);
    }
    void this.#swap();
  }
}
