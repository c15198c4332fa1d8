/** The menu of feelings and gestures: each of its buttons has the avatar show one, whatever moves the avatar. */

import { announce, button, byId } from "../dom.js";
import { describe } from "../texts/describe.js";

/**
 * The button that gets the focus when a key is pressed on another one, as in any toolbar.
 *
 * @param {string} key
 * @param {number} index of the button with the focus
 * @param {number} count of buttons
 * @returns {number | null} null for keys that do not move the focus
 */
export function focusAfter(key, index, count) {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return (index + 1) % count;
    case "ArrowLeft":
    case "ArrowUp":
      return (index - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

/**
 * The message that has the avatar show a feeling or make a gesture.
 *
 * @param {string} text words that the server understands (avatar/motion/cues.py)
 * @returns {import("../../protocol/data-channel.js").ClientMessage}
 */
export function cueMessage(text) {
  return { type: "cue", text };
}

export class FeelingsMenu {
  /** @type {import("../../call/call.js").Call | null} */
  #call = null;

  /** @param {import("../notice.js").Notice} notice */
  constructor(notice) {
    this.notice = notice;
    this.root = byId("feelings", HTMLElement);
    this.opener = button("control-feelings");
    this.buttons = [...this.root.querySelectorAll("button")];
    this.opener.addEventListener("click", () => this.toggle());
    this.root.addEventListener("keydown", (event) => this.#onKey(event));
    for (const one of this.buttons) one.addEventListener("click", () => this.#send(one));
    this.#makeTabStop(0);
  }

  /** @param {import("../../call/call.js").Call} call that is about to start */
  attach(call) {
    this.#call = call;
    this.opener.hidden = call.settings.mode === "echo"; // There is no avatar that could show anything.
  }

  detach() {
    this.#call = null;
    this.#show(false);
  }

  toggle() {
    if (!this.close()) this.#open();
  }

  /** @returns {boolean} true when there was something to close */
  close() {
    if (this.root.hidden) return false;
    const hadFocus = this.root.contains(document.activeElement);
    this.#show(false);
    if (hadFocus) this.opener.focus();
    return true;
  }

  #open() {
    if (this.opener.hidden) return;
    this.#show(true);
    this.buttons.find((one) => one.tabIndex === 0)?.focus();
  }

  /** @param {boolean} on */
  #show(on) {
    this.root.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
  }

  /** @param {HTMLButtonElement} one */
  #send(one) {
    this.#makeTabStop(this.buttons.indexOf(one));
    if (this.#call?.send(cueMessage(one.value))) announce(one.textContent?.trim() ?? "");
    else this.notice.show(describe("not_connected"), "info", { forMs: 6000 });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const index = this.buttons.findIndex((one) => one === document.activeElement);
    const next = index < 0 ? null : focusAfter(event.key, index, this.buttons.length);
    if (next === null) return;
    event.preventDefault();
    this.#makeTabStop(next);
    this.buttons[next]?.focus();
  }

  /** Let Tab reach one button only, and the arrow keys the others. @param {number} index */
  #makeTabStop(index) {
    this.buttons.forEach((one, at) => (one.tabIndex = at === index ? 0 : -1));
  }
}
