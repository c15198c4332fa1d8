/** The menu of feelings and gestures: each of its buttons has the avatar show one, whatever moves the avatar. */

import { announce, button } from "../dom.js";
import { FeelingsBar, cueMessage } from "../feelings-bar.js";
import { describe } from "../texts/describe.js";

export class FeelingsMenu {
  /** @type {import("../../call/call.js").Call | null} */
  #call = null;

  /** @param {import("../notice.js").Notice} notice */
  constructor(notice) {
    this.notice = notice;
    this.bar = new FeelingsBar((one) => this.#send(one));
    this.root = this.bar.root;
    this.opener = button("control-feelings");
    this.opener.addEventListener("click", () => this.toggle());
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
    this.bar.focus();
  }

  /** @param {boolean} on */
  #show(on) {
    this.root.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
  }

  /** @param {HTMLButtonElement} one */
  #send(one) {
    if (this.#call?.send(cueMessage(one.value))) announce(one.textContent?.trim() ?? "");
    else this.notice.show(describe("not_connected"), "info", { forMs: 6000 });
  }
}
