/**
 * The others in a room: who they are, as the server says, and a connection to each of them.
 *
 * @typedef {import("../protocol/data-channel.js").RoomMember} RoomMember
 * @typedef {{member: RoomMember, connection: WatchConnection}} Other
 */

import { WatchConnection } from "./watch-connection.js";

/** Events: "change": somebody came, left, or is another than before. */
export class Room extends EventTarget {
  /** @type {RoomMember | null} what the others are told of the user; null before the server has said it */
  you = null;
  /** How many may be in the room. */
  most = 0;
  /** @type {Map<string, Other>} by the member's id, in the order of their coming */
  others = new Map();

  /**
   * @param {import("./call.js").Call} call
   * @param {import("../media/local-media.js").LocalMedia} media
   * @param {(address: string) => WatchConnection} [connect]
   */
  constructor(call, media, connect = (address) => new WatchConnection(address)) {
    super();
    this.call = call;
    this.media = media;
    this.connect = connect;
    this.onMediaChange = () => this.#tellDevices();
    media.addEventListener("change", this.onMediaChange);
    call.addEventListener("message", (event) => this.#onMessage(/** @type {CustomEvent} */ (event).detail));
    call.addEventListener("state", () => {
      if (call.status.state === "ended") this.#close();
    });
  }

  /** @param {import("../protocol/data-channel.js").ServerMessage} message */
  #onMessage(message) {
    if (message.type === "hello") this.#tellDevices();
    if (message.type !== "room") return;
    this.most = message.most;
    this.you = message.members.find(({ member }) => member === message.you) ?? null;
    const before = this.others;
    this.others = new Map();
    for (const member of message.members) {
      if (member.member === message.you || !member.whep) continue;
      this.others.set(member.member, { member, connection: before.get(member.member)?.connection ?? this.#open(member.whep) });
    }
    for (const [id, { connection }] of before) if (!this.others.has(id)) connection.close();
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} whep */
  #open(whep) {
    const connection = this.connect(whep);
    // Started once whoever shows it has had the time to listen.
    queueMicrotask(() => connection.start());
    return connection;
  }

  #tellDevices() {
    this.call.send({ type: "devices", microphone: this.media.microphoneOn, camera: this.media.cameraOn });
  }

  #close() {
    this.media.removeEventListener("change", this.onMediaChange);
    for (const { connection } of this.others.values()) connection.close();
    this.others = new Map();
    this.dispatchEvent(new Event("change"));
  }
}
