/** What lies over the picture while there is no live one: joining, reconnecting, waiting for a place. */

import { announce, button, byId } from "./dom.js";
import { describe } from "./messages.js";

/** @typedef {import("./call.js").CallStatus} CallStatus */

/**
 * The words for a state of the call.
 *
 * @param {CallStatus} status
 * @param {number} nowMs
 * @returns {{title: string, text: string} | null} null when there is nothing to lay over the picture
 */
export function overlayWords(status, nowMs) {
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
  #said = "";

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
    const words = overlayWords(status, performance.now());
    this.root.hidden = words === null;
    this.root.dataset.state = status.state;
    if (!words) {
      this.#said = "";
      return;
    }
    this.retry.hidden = status.retryAtMs === 0;
    this.cancel.textContent = status.state === "reconnecting" ? "Leave" : "Cancel";
    const draw = () => {
      const now = overlayWords(status, performance.now());
      this.title.textContent = now?.title ?? "";
      this.text.textContent = now?.text ?? "";
    };
    draw();
    // Said once for each kind of trouble: a countdown read out each second would drown everything else.
    if (this.#said !== words.title) announce(`${words.title}. ${describe(status.code).text}`);
    this.#said = words.title;
    if (status.retryAtMs > 0) this.#timer = setInterval(draw, 500);
  }
}
