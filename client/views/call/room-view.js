/** The others in a room, each in a tile beside the user's own picture: name, who speaks, and what is switched off. */

import { CopyButton } from "../copy-button.js";
import { announce, button, byId, icon, make } from "../dom.js";
import { describe } from "../texts/describe.js";
import { comings } from "../texts/room-texts.js";

/** @typedef {import("../../call/room.js").Room} Room */
/** @typedef {import("../../call/room.js").Other} Other */
/** @typedef {import("../../protocol/data-channel.js").RoomMember} RoomMember */
/** @typedef {import("../../call/watch-connection.js").WatchStatus} WatchStatus */

/** What nobody has said their name is. */
const NAMELESS = "Guest";

export class RoomView {
  /** @type {Room | null} */
  #room = null;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();

  /**
   * @param {HTMLElement} root of the call
   * @param {HTMLElement} own frame of the user's picture
   * @param {import("../notice.js").Notice} notice
   */
  constructor(root, own, notice) {
    this.root = root;
    this.own = own;
    this.notice = notice;
    this.tiles = byId("tiles", HTMLElement);
    this.ownLabel = new Label();
    own.append(this.ownLabel.root);
    this.link = new CopyButton(button("copy-room-link"), byId("room-link-text", HTMLElement), "The room's link was copied.");
    this.linkField = byId("room-link", HTMLElement);
  }

  /**
   * Show the others of a room.
   *
   * @param {Room | null} room null: the call is in none
   * @param {string} link the room's
   */
  show(room, link) {
    this.#room = room;
    this.root.classList.toggle("in-room", room !== null);
    this.linkField.hidden = room === null;
    this.link.set(link);
    this.ownLabel.root.hidden = room === null;
    this.tiles.dataset.count = "1";
    room?.addEventListener("change", () => {
      if (this.#room === room) this.#update(room);
    });
  }

  hide() {
    this.#room = null;
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
    this.own.classList.remove("speaking");
    this.root.classList.remove("in-room");
    this.tiles.dataset.count = "1";
  }

  /** @param {Room} room */
  #update(room) {
    const names = new Map([...room.others].map(([id, { member }]) => [id, member.name || NAMELESS]));
    const before = new Map([...this.#tiles].map(([id, tile]) => [id, tile.name]));
    const news = comings(before, names);
    if (news) announce(news);
    for (const [id, tile] of this.#tiles) {
      if (room.others.has(id)) continue;
      tile.remove();
      this.#tiles.delete(id);
    }
    for (const [id, other] of room.others) {
      const tile = this.#tiles.get(id) ?? this.#add(id, other);
      tile.show(other.member);
    }
    if (room.you) {
      this.ownLabel.show(room.you, room.you.name ? `${room.you.name} (you)` : "You");
      this.own.classList.toggle("speaking", room.you.speaking);
    }
    this.tiles.dataset.count = String(1 + room.others.size);
    if (room.you && room.others.size === 0) {
      const action = { label: "Copy the link", run: () => void this.link.copy() };
      this.notice.show(describe("room_alone"), "info", { key: "room_alone", action });
    } else this.notice.clear("room_alone");
  }

  /**
   * @param {string} id
   * @param {Other} other
   */
  #add(id, other) {
    const tile = new Tile(other, () => this.#soundBlocked());
    this.#tiles.set(id, tile);
    this.tiles.append(tile.root);
    return tile;
  }

  /** Browsers let a page sound once it has been touched, and some only from within the touch. */
  #soundBlocked() {
    const run = () => this.#tiles.forEach((tile) => tile.play());
    this.notice.show(describe("sound_blocked"), "info", { key: "sound_blocked", action: { label: "Turn on the sound", run } });
  }
}

/** Another's picture, whose sound is played. */
class Tile {
  name = "";

  /**
   * @param {Other} other
   * @param {() => void} onBlocked the browser does not let it be heard
   */
  constructor({ connection }, onBlocked) {
    this.onBlocked = onBlocked;
    this.video = make("video", "");
    this.video.autoplay = this.video.playsInline = true;
    this.label = new Label();
    this.status = make("p", "tile-status", "Connecting");
    this.frame = make("div", "frame", this.status, this.video, this.label.root);
    this.root = make("div", "frame-box", this.frame);
    this.video.addEventListener("playing", () => this.frame.classList.add("playing"));
    this.video.addEventListener("resize", () => this.#setRatio());
    connection.addEventListener("media", (event) => {
      this.video.srcObject = /** @type {CustomEvent<MediaStream>} */ (event).detail;
      this.play();
    });
    connection.addEventListener("state", (event) => this.#onState(/** @type {CustomEvent<WatchStatus>} */ (event).detail));
  }

  /** @param {RoomMember} member */
  show(member) {
    this.name = member.name || NAMELESS;
    this.label.show(member, this.name);
    this.video.setAttribute("aria-label", `The avatar of ${this.name}`);
    this.frame.classList.toggle("speaking", member.speaking);
  }

  play() {
    this.video.play().catch((error) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.onBlocked();
    });
  }

  remove() {
    this.video.srcObject = null;
    this.root.remove();
  }

  /** @param {WatchStatus} status */
  #onState({ state }) {
    if (state === "live") return;
    this.frame.classList.remove("playing"); // a closed connection leaves a black picture
    this.status.textContent = state === "lost" || state === "refused" ? "Connecting again" : "Connecting";
  }

  #setRatio() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (width > 0 && height > 0) this.frame.style.setProperty("--ratio", String(width / height));
  }
}

/** Name and signs at the foot of a tile. */
class Label {
  constructor() {
    this.text = make("span", "tile-name");
    this.muted = make("span", "tile-sign", icon("mic-off"), make("span", "visually-hidden", "muted"));
    this.cameraOff = make("span", "tile-sign", icon("camera-off"), make("span", "visually-hidden", "camera off"));
    this.muted.hidden = this.cameraOff.hidden = true;
    this.root = make("p", "tile-label", this.muted, this.cameraOff, this.text);
  }

  /**
   * @param {RoomMember} member
   * @param {string} text
   */
  show(member, text) {
    this.text.textContent = text;
    this.muted.hidden = member.microphone;
    this.cameraOff.hidden = member.camera;
  }
}
