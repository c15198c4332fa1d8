/** A notice: what happened and what to do next. Screen readers read it out as it appears. */

import { icon, make } from "./dom.js";

/** @typedef {import("./texts/describe.js").NoticeText} NoticeText */
/** @typedef {"error" | "success" | "info"} Tone */

const ICONS = { error: "warn", success: "check", info: "info" };

export class Notice {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #key = "";

  /** @param {HTMLElement} root an empty element with role="status" */
  constructor(root) {
    this.root = root;
  }

  /**
   * @param {NoticeText} content
   * @param {Tone} [tone]
   * @param {{key?: string, forMs?: number, action?: {label: string, run: () => void}}} [options] `key` names it for
   *   `clear`; `forMs` clears it after a while; `action` adds a button that clears it and runs something
   */
  show(content, tone = "error", { key = "", forMs = 0, action } = {}) {
    clearTimeout(this.#timer);
    this.#key = key;
    const close = make("button", "round small notice-close", icon("close"));
    close.type = "button";
    close.setAttribute("aria-label", "Dismiss");
    close.addEventListener("click", () => this.clear());
    const text = make("div", "notice-text", make("strong", "", content.title));
    if (content.text) text.append(make("p", "", content.text));
    if (action) {
      const run = make("button", "button compact", action.label);
      run.type = "button";
      run.addEventListener("click", () => {
        this.clear();
        action.run();
      });
      text.append(run);
    }
    this.root.replaceChildren(icon(ICONS[tone]), text, close);
    this.root.dataset.tone = tone;
    this.root.hidden = false;
    if (forMs > 0) this.#timer = setTimeout(() => this.clear(), forMs);
  }

  /**
   * Remove the notice.
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
