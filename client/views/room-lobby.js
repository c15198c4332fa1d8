/** The lobby's part about rooms: start one, pass its link on, say one's name, see who is there. */

import { loadPreference, savePreference } from "../preferences.js";
import { getRoom } from "../protocol/http-api.js";
import { makeRoomId, parseRoomId, roomLink } from "../protocol/room-link.js";
import { CopyButton } from "./copy-button.js";
import { button, byId } from "./dom.js";
import { describeRoom } from "./texts/room-texts.js";

/** How often it is asked who is in the room, while the lobby is seen. */
const LOOK_MS = 5000;

/** Events: "change": another room is chosen, or none. */
export class RoomLobby extends EventTarget {
  /** @type {string | null} id of the chosen room */
  #id = null;
  #seen = false;
  /** Whether the page was opened by a room's link that is none. */
  linkBroken = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  constructor() {
    super();
    this.root = byId("lobby-room", HTMLElement);
    this.offer = byId("room-offer", HTMLElement);
    this.chosen = byId("room-chosen", HTMLElement);
    this.who = byId("room-who", HTMLElement);
    this.nameField = byId("room-name", HTMLInputElement);
    this.nameField.value = loadPreference("name") ?? "";
    this.nameField.addEventListener("change", () => savePreference("name", this.name));
    const text = byId("lobby-room-link-text", HTMLElement);
    this.copyLink = new CopyButton(button("copy-lobby-room-link"), text, "The room's link was copied.");
    button("start-room").addEventListener("click", () => {
      this.#choose(makeRoomId());
      this.nameField.focus();
    });
    button("leave-room").addEventListener("click", () => {
      this.#choose(null);
      button("start-room").focus();
    });
    addEventListener("popstate", () => this.#readAddress());
    this.#readAddress();
  }

  /** @returns {string | null} id of the room to join; null: none */
  get id() {
    return this.#id;
  }

  /** @returns {string} its link; "" where none is chosen */
  get link() {
    return this.#id === null ? "" : roomLink(location.href, this.#id);
  }

  /** @returns {string} what the others are to call the user; may be empty */
  get name() {
    return this.nameField.value.trim();
  }

  /**
   * Begin or end looking who is there: while the lobby is shown.
   *
   * @param {boolean} seen
   */
  setSeen(seen) {
    this.#seen = seen;
    this.#look();
  }

  /** @param {boolean} possible whether the server has rooms */
  setPossible(possible) {
    this.root.hidden = !possible && this.#id === null;
  }

  /** @param {string | null} id */
  #choose(id) {
    history.pushState(null, "", roomLink(location.href, id));
    this.#show(id);
  }

  #readAddress() {
    const id = parseRoomId(location.search);
    this.linkBroken = id === "";
    this.#show(id || null);
  }

  /** @param {string | null} id */
  #show(id) {
    this.#id = id;
    this.offer.hidden = id !== null;
    this.chosen.hidden = id === null;
    this.copyLink.set(this.link);
    this.who.textContent = "";
    this.#look();
    this.dispatchEvent(new Event("change"));
  }

  #look() {
    clearTimeout(this.#timer);
    if (this.#seen && this.#id !== null) void this.#ask(this.#id);
  }

  /** @param {string} id */
  async #ask(id) {
    let text = "";
    try {
      const { names, most } = await getRoom(id);
      text = most === 0 ? "This server has no rooms." : describeRoom(names, most);
    } catch {
      // No access token yet, or no answer: joining will say which.
    }
    if (id !== this.#id || !this.#seen) return;
    if (this.who.textContent !== text) this.who.textContent = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }
}
