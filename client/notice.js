/** A box that says what happened and what to do next; read out by screen readers as it appears. */

import { icon, make } from "./dom.js";

/** @typedef {import("./messages.js").Message} Message */
/** @typedef {"trouble" | "good" | "plain"} Tone */

const ICONS = { trouble: "warn", good: "check", plain: "info" };

export class Notice {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #key = "";

  /** @param {HTMLElement} root an empty element with role="status" */
  constructor(root) {
    this.root = root;
  }

  /**
   * @param {Message} message
   * @param {Tone} [tone]
   * @param {{key?: string, forMs?: number, action?: {label: string, take: () => void}}} [options] `key` names it for
   *   `clear`; `forMs` takes it away after a while; `action` adds a button that takes it away and does something
   */
  show(message, tone = "trouble", { key = "", forMs = 0, action } = {}) {
    clearTimeout(this.#timer);
    this.#key = key;
    const close = make("button", "round small notice-close", icon("close"));
    close.type = "button";
    close.setAttribute("aria-label", "Dismiss");
    close.addEventListener("click", () => this.clear());
    const words = make("div", "notice-words", make("strong", "", message.title));
    if (message.text) words.append(make("p", "", message.text));
    if (action) {
      const act = make("button", "button compact", action.label);
      act.type = "button";
      act.addEventListener("click", () => {
        this.clear();
        action.take();
      });
      words.append(act);
    }
    this.root.replaceChildren(icon(ICONS[tone]), words, close);
    this.root.dataset.tone = tone;
    this.root.hidden = false;
    if (forMs > 0) this.#timer = setTimeout(() => this.clear(), forMs);
  }

  /**
   * Take the notice away.
   *
   * @param {string} [key] only if it is still the one shown under this key
   */
  clear(key) {
    if (key !== undefined && key !== this.#key) return;
    clearTimeout(this.#timer);
    this.#key = "";
    this.root.hidden = true;
    this.root.replaceChildren();
  }
}
