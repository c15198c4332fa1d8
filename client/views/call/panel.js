/** The side panel of the call (a sheet from below on a phone): faces, settings or figures, one at a time. */

import { announce, button, byId } from "../dom.js";

/** @typedef {"faces" | "settings" | "figures"} Page */

const TITLES = { faces: "Change the face", settings: "Settings", figures: "Call figures" };

/** Events: "change". */
export class Panel extends EventTarget {
  /** @type {Page | null} */
  page = null;

  constructor() {
    super();
    this.root = byId("panel", HTMLElement);
    this.title = byId("panel-title", HTMLElement);
    /** @type {Record<Page, HTMLButtonElement>} */
    this.openers = { faces: button("control-faces"), settings: button("control-settings"), figures: button("readout") };
    for (const page of /** @type {Page[]} */ (Object.keys(TITLES)))
      this.openers[page].addEventListener("click", () => (this.page === page ? this.close() : this.open(page)));
    button("panel-close").addEventListener("click", () => this.close());
  }

  /** @param {Page} page */
  open(page) {
    this.#show(page);
    this.title.textContent = TITLES[page];
    const chosen = page === "faces" ? byId("panel-faces", HTMLElement).querySelector("input:checked") : null;
    (chosen instanceof HTMLElement ? chosen : this.title).focus();
  }

  /** @returns {boolean} true when there was something to close */
  close() {
    const page = this.page;
    if (!page) return false;
    const hadFocus = this.root.contains(document.activeElement);
    this.#show(null);
    if (hadFocus) this.openers[page].focus();
    else announce("Panel closed.");
    return true;
  }

  /** @param {Page | null} page */
  #show(page) {
    this.page = page;
    this.root.hidden = page === null;
    for (const name of /** @type {Page[]} */ (Object.keys(TITLES))) {
      byId(`panel-${name}`, HTMLElement).hidden = name !== page;
      this.openers[name].setAttribute("aria-expanded", String(name === page));
    }
    this.dispatchEvent(new Event("change"));
  }
}
