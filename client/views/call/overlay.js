/** The overlay on the picture while the call is not live: joining, reconnecting, waiting for a place. */

import { announce, button, byId } from "../dom.js";
import { describe } from "../texts/describe.js";

/** @typedef {import("../../call/call.js").CallStatus} CallStatus */

/**
 * The text for a state of the call.
 *
 * @param {CallStatus} status
 * @param {number} nowMs
 * @returns {{title: string, text: string} | null} null when there is no overlay
 */
export function overlayText(status, nowMs) {
  switch (status.state) {
    case "connecting":
      return { title: "Joining", text: "" };
    case "reconnecting":
    case "waiting": {
      const { title, text } = describe(status.code);
      const seconds = Math.ceil((status.retryAtMs - nowMs) / 1000);
      const next = status.retryAtMs === 0 || seconds <= 0 ? "Trying now." : `Next try in ${seconds} s.`;
      return { title, text: `${text} ${next}`.trim() };
    }
    default:
      return null;
  }
}

/** Events: "retry", "cancel". */
export class Overlay extends EventTarget {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #announced = "";

  constructor() {
    super();
    this.root = byId("overlay", HTMLElement);
    this.title = byId("overlay-title", HTMLElement);
    this.text = byId("overlay-text", HTMLElement);
    this.retry = button("overlay-retry");
    this.cancel = button("overlay-cancel");
    this.retry.addEventListener("click", () => this.dispatchEvent(new Event("retry")));
    this.cancel.addEventListener("click", () => this.dispatchEvent(new Event("cancel")));
  }

  /** @param {CallStatus} status */
  show(status) {
    clearInterval(this.#timer);
    const text = overlayText(status, performance.now());
    this.root.hidden = text === null;
    this.root.dataset.state = status.state;
    if (!text) {
      this.#announced = "";
      return;
    }
    this.retry.hidden = status.retryAtMs === 0;
    this.cancel.textContent = status.state === "reconnecting" ? "Leave" : "Cancel";
    const draw = () => {
      const current = overlayText(status, performance.now());
      this.title.textContent = current?.title ?? "";
      this.text.textContent = current?.text ?? "";
    };
    draw();
    // Read out once for each kind of problem: a countdown read out each second would drown everything else.
    if (this.#announced !== text.title) announce(`${text.title}. ${describe(status.code).text}`);
    this.#announced = text.title;
    if (status.retryAtMs > 0) this.#timer = setInterval(draw, 500);
  }
}
