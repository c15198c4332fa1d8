/** The link by which others watch this call, to be copied. */

import { announce, button, byId } from "../dom.js";

/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */

const COPIED_MS = 2000;

export class WatchLink {
  #path = "";

  constructor() {
    this.copy = button("copy-watch-link");
    this.text = byId("watch-link-text", HTMLElement);
    this.explanation = this.text.textContent;
    this.copy.addEventListener("click", () => void this.#copy());
  }

  /** @param {ServerMessage} message of the call: each connection has a link of its own */
  onMessage(message) {
    if (message.type !== "hello") return;
    this.#path = message.watch ? `/watch/${message.watch}` : "";
    this.copy.disabled = !this.#path;
    this.text.textContent = this.explanation;
  }

  async #copy() {
    const link = new URL(this.#path, location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      this.copy.textContent = "Copied";
      announce("The watch link was copied.");
    } catch {
      this.text.textContent = link; // Copying is not allowed here: it can be marked, which a button's text cannot.
      return;
    }
    setTimeout(() => (this.copy.textContent = "Copy"), COPIED_MS);
  }
}
