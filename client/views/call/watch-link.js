/** The link by which others watch this call, to be copied. */

import { CopyButton } from "../copy-button.js";
import { button, byId } from "../dom.js";

/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */

export class WatchLink {
  constructor() {
    const text = byId("watch-link-text", HTMLElement);
    this.link = new CopyButton(button("copy-watch-link"), text, "The watch link was copied.");
  }

  /** @param {ServerMessage} message of the call: each connection has a link of its own */
  onMessage(message) {
    if (message.type !== "hello") return;
    this.link.set(message.watch ? new URL(`/watch/${message.watch}`, location.href).href : "");
  }
}
