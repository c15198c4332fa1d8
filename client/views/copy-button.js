/** A button that copies a link; where copying is not allowed, the link is shown, to be marked by hand. */

import { announce } from "./dom.js";

const COPIED_MS = 2000;

export class CopyButton {
  /** The whole address; "" while there is none. */
  #link = "";

  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} text what the link is for
   * @param {string} copied what screen readers say once it is copied
   */
  constructor(button, text, copied) {
    this.button = button;
    this.text = text;
    this.copied = copied;
    this.label = button.textContent;
    this.explanation = text.textContent;
    button.addEventListener("click", () => void this.copy());
  }

  /** @param {string} link "": there is none */
  set(link) {
    this.#link = link;
    this.button.disabled = link === "";
    this.text.textContent = this.explanation;
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.#link);
    } catch {
      this.text.textContent = this.#link; // It can be marked, which a button's text cannot.
      return;
    }
    this.button.textContent = "Copied";
    announce(this.copied);
    setTimeout(() => (this.button.textContent = this.label), COPIED_MS);
  }
}
