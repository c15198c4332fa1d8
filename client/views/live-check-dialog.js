/**
 * The dialog that checks that whoever is before the camera is the person in the photos: the server is shown pictures of
 * the camera, and says what to do next.
 */

import { DeviceError, openDevice } from "../media/devices.js";
import { captureSmallFrame } from "../media/photo.js";
import { ApiError, beginLiveCheck, endLiveCheck, showLiveCheck } from "../protocol/http-api.js";
import { announce, byId, make, showTrack, video } from "./dom.js";
import { Notice } from "./notice.js";
import { describe } from "./texts/describe.js";
import { ARROWS, GESTURES, HINTS, REASONS } from "./texts/live-check-texts.js";

/** @typedef {import("../protocol/http-api.js").LiveCheck} LiveCheck */

const LONGEST_SIDE_PX = 480;
const STEP_MS = 100;
/** A server that is busy, or does not answer, is asked again so often before that is said. */
const TRIES = 5;
const RETRY_MS = 500;

export class LiveCheckDialog {
  /** Gestures that were done when the server answered last. */
  #done = 0;
  /** Whether what was asked for last was not done (yet). */
  #wasAsked = false;

  /** @param {import("../media/local-media.js").LocalMedia} media */
  constructor(media) {
    this.media = media;
    this.dialog = byId("live-check", HTMLDialogElement);
    this.video = video("live-check-video");
    this.arrow = byId("live-check-arrow", HTMLElement);
    this.words = byId("live-check-words", HTMLElement);
    this.hint = byId("live-check-hint", HTMLElement);
    this.steps = byId("live-check-steps", HTMLElement);
    this.notice = new Notice(byId("live-check-notice", HTMLElement));
  }

  /**
   * Check until it succeeds or is closed.
   *
   * @param {readonly File[]} photos
   * @returns {Promise<string | null>} the check's id; null when it was closed
   * @throws {ApiError} where the photos will not do, or the server cannot check
   */
  async run(photos) {
    const closing = new AbortController();
    this.dialog.addEventListener("close", () => closing.abort(), { once: true });
    this.notice.clear();
    this.#say("", "Starting the camera");
    this.steps.replaceChildren();
    this.dialog.showModal();
    /** @type {MediaStreamTrack | null} */
    let own = null; // one that is on for a call is shared
    try {
      if (!this.media.camera) own = await openDevice("camera", this.media.deviceId("camera"));
      if (closing.signal.aborted) return null;
      showTrack(this.video, own ?? this.media.camera);
      for (;;) {
        const ended = await this.#check(photos, closing.signal);
        if (ended.phase === "passed") return ended.id;
        await this.#offerRetry(REASONS[ended.reason], closing.signal);
      }
    } catch (error) {
      if (closing.signal.aborted) return null;
      if (!(error instanceof DeviceError)) throw error;
      this.#say("", "");
      this.notice.show(describe(error.code));
      await new Promise((resolve) => closing.signal.addEventListener("abort", resolve, { once: true }));
      return null;
    } finally {
      own?.stop();
      this.video.srcObject = null;
      if (this.dialog.open) this.dialog.close();
    }
  }

  /**
   * @param {readonly File[]} photos
   * @param {AbortSignal} signal
   * @returns {Promise<LiveCheck>} one that has ended
   */
  async #check(photos, signal) {
    this.#done = 0;
    this.#wasAsked = false;
    this.#say("", "Looking at the photo");
    let check = await beginLiveCheck(photos, signal);
    try {
      while (check.phase === "look" || check.phase === "gesture") {
        this.#show(check);
        const begin = performance.now();
        check = await this.#look(check, signal);
        await pause(begin + STEP_MS - performance.now(), signal);
      }
    } catch (error) {
      void endLiveCheck(check.id).catch(() => {});
      throw error;
    }
    this.#show(check);
    return check;
  }

  /**
   * Show the check what the camera sees now.
   *
   * @param {LiveCheck} check
   * @param {AbortSignal} signal
   * @param {number} [failures]
   * @returns {Promise<LiveCheck>}
   */
  async #look(check, signal, failures = 0) {
    if (this.video.videoWidth === 0) return check; // the camera has not begun yet
    try {
      return await showLiveCheck(check.id, await captureSmallFrame(this.video, LONGEST_SIDE_PX), signal);
    } catch (error) {
      const passing = error instanceof ApiError && [0, 429, 503].includes(error.status);
      if (!passing || failures >= TRIES) throw error;
      await pause(RETRY_MS, signal);
      return this.#look(check, signal, failures + 1);
    }
  }

  /** @param {LiveCheck} check */
  #show({ phase, gesture, hint, done, needed }) {
    if (phase === "passed") this.#say("That is you", "");
    else if (phase === "refused") this.#say("", "");
    else if (gesture !== null) this.#say(GESTURES[gesture] ?? "", "", ARROWS[gesture]);
    else this.#say(this.#between(done), HINTS[hint] ?? HINTS.hold_still ?? "");
    this.#wasAsked = gesture !== null || (this.#wasAsked && done === this.#done);
    this.#done = done;
    this.steps.setAttribute("aria-label", `${done} of ${needed} done`);
    this.steps.replaceChildren(
      ...Array.from({ length: needed }, (_, index) => make("li", index < done ? "done" : index === done ? "now" : "")),
    );
  }

  /**
   * What is said between two gestures.
   *
   * @param {number} done
   */
  #between(done) {
    if (done === 0 && !this.#wasAsked) return "";
    return this.#wasAsked && done === this.#done ? "Not yet: once more" : "Good";
  }

  /**
   * @param {string} words what to do, in large letters
   * @param {string} hint in small ones
   * @param {string} [arrow]
   */
  #say(words, hint, arrow = "") {
    if (this.words.textContent !== words) this.words.textContent = words;
    if (this.hint.textContent !== hint) {
      this.hint.textContent = hint;
      if (hint) announce(hint);
    }
    this.arrow.textContent = arrow;
    this.arrow.classList.toggle("right", arrow === ARROWS.turn_right);
  }

  /**
   * @param {import("./texts/describe.js").NoticeText | undefined} text why the check did not succeed
   * @param {AbortSignal} signal
   */
  async #offerRetry(text, signal) {
    await new Promise((resolve, reject) => {
      this.notice.show(text ?? describe("likeness_failed"), "error", { action: { label: "Try again", run: () => resolve(null) } });
      this.notice.root.querySelector("button")?.focus();
      signal.addEventListener("abort", () => reject(new DOMException("closed", "AbortError")), { once: true });
    });
    this.notice.clear();
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>} rejected with AbortError
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new DOMException("closed", "AbortError"));
    const timer = setTimeout(resolve, Math.max(0, ms));
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new DOMException("closed", "AbortError"));
      },
      { once: true },
    );
  });
}
