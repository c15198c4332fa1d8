/** The row of feelings and gestures: each of its buttons has the avatar show one. Arrow keys move within it. */

import { byId } from "./dom.js";

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
 * @returns {import("../protocol/data-channel.js").ClientMessage}
 */
export function cueMessage(text) {
  return { type: "cue", text };
}

export class FeelingsBar {
  /** @param {(one: HTMLButtonElement) => void} onChosen is told the button that was pressed */
  constructor(onChosen) {
    this.root = byId("feelings", HTMLElement);
    this.buttons = [...this.root.querySelectorAll("button")];
    this.root.addEventListener("keydown", (event) => this.#onKey(event));
    this.buttons.forEach((one, index) =>
      one.addEventListener("click", () => {
        this.#makeTabStop(index);
        onChosen(one);
      }),
    );
    this.#makeTabStop(0);
  }

  /** Focus the button that Tab reaches. */
  focus() {
    this.buttons.find((one) => one.tabIndex === 0)?.focus();
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
