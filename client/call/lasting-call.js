/** A call that is always there: one that ends, whatever the reason, is made again. */

import { Call } from "./call.js";

/** @typedef {import("./call.js").CallStatus} CallStatus */

const SOON_MS = 1_000;
/** After a refusal that another try will hardly change: a face that is not there, a missing token. */
const LATER_MS = 15_000;

/**
 * Events: "media" (CustomEvent<MediaStream>), "message" (CustomEvent<ServerMessage>) and "state"
 * (CustomEvent<CallStatus>), of whichever call it is.
 */
export class LastingCall extends EventTarget {
  /** @type {Call | null} */
  call = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #left = false;

  /**
   * @param {ConstructorParameters<typeof Call>[0]} media
   * @param {ConstructorParameters<typeof Call>[1]} getIceServers
   * @param {() => import("./call.js").CallSettings} getSettings of a call that is made now
   * @param {boolean} audible whether the returned sound is played
   */
  constructor(media, getIceServers, getSettings, audible) {
    super();
    this.media = media;
    this.getIceServers = getIceServers;
    this.getSettings = getSettings;
    this.audible = audible;
  }

  start() {
    if (this.#left) return;
    clearTimeout(this.#timer);
    const call = new Call(this.media, this.getIceServers, this.getSettings());
    this.call = call;
    for (const type of ["media", "message", "state"])
      call.addEventListener(type, (event) => {
        if (this.call !== call) return;
        const { detail } = /** @type {CustomEvent} */ (event);
        this.dispatchEvent(new CustomEvent(type, { detail }));
        if (type === "state" && detail.state === "ended") this.#again(detail);
      });
    void call.setAudible(this.audible);
    call.start();
  }

  /** End the call and make another one with the settings of now. */
  restart() {
    const call = this.call;
    this.call = null;
    call?.leave();
    this.start();
  }

  /** End it for good. */
  leave() {
    this.#left = true;
    clearTimeout(this.#timer);
    this.call?.leave();
  }

  /** @param {CallStatus} status */
  #again({ code }) {
    if (this.#left) return;
    this.#timer = setTimeout(() => this.start(), code.startsWith("bye:") ? SOON_MS : LATER_MS);
  }
}
