/** The switch between camera, voice, both and a conversation: shows what holds, asks the server, and offers the other when one is gone. */

import { ControlRefused } from "./control.js";
import { announce, byId } from "./dom.js";
import { offerAfter, whyNot } from "./drive.js";
import { describe } from "./messages.js";

/** @typedef {import("./control.js").ServerMessage} ServerMessage */
/** @typedef {import("./drive.js").Drive} Drive */
/** @typedef {import("./drive.js").Turn} Turn */

const SAID = {
  camera: "Your face moves the avatar.",
  voice: "Your voice moves the avatar.",
  both: "Your face and voice move the avatar.",
  conversation: "The avatar talks with you.",
};
const MUTED = "You are muted: the lips rest until you unmute.";
const MUTED_IN_TALK = "You are muted: the avatar hears you once you unmute.";
/** A voice takes seconds to load. */
const GET_VOICE_MS = 30_000;
const OFFER = "drive_offer";

export class DriveChoice {
  /** @type {import("./call.js").Call | null} */
  #call = null;
  /** @type {Turn | null} */
  #offered = null;

  /**
   * @param {import("./local-media.js").LocalMedia} media
   * @param {import("./notice.js").Notice} notice
   */
  constructor(media, notice) {
    this.media = media;
    this.notice = notice;
    this.root = byId("drive", HTMLFieldSetElement);
    this.options = /** @type {Drive[]} */ (Object.keys(SAID)).map((drive) => {
      const words = byId(`drive-${drive}-words`, HTMLElement);
      const input = byId(`drive-${drive}`, HTMLInputElement);
      input.addEventListener("change", () => void this.choose(drive));
      return { drive, input, words, plain: words.textContent ?? "" };
    });
    media.addEventListener("change", () => {
      if (!media.busy) this.#show(); // A device that is being changed is off for a moment only.
    });
  }

  /** @param {import("./call.js").Call} call that is about to start */
  attach(call) {
    this.#call = call;
    this.root.hidden = call.wish.mode === "echo";
    delete this.root.dataset.drive;
    call.addEventListener("state", () => {
      // What the last line's server held says nothing about the next one.
      if (this.#call === call && call.status.state !== "live") delete this.root.dataset.drive;
    });
    call.addEventListener("message", (event) => {
      if (this.#call === call) this.#hear(call, /** @type {CustomEvent<ServerMessage>} */ (event).detail);
    });
    this.#show();
  }

  detach() {
    this.#call = null;
    this.#offered = null;
  }

  /** @param {Drive} drive */
  async choose(drive) {
    const call = this.#call;
    if (!call || drive === call.wish.drive) return;
    call.wish.drive = drive; // Whatever becomes of the line: the next one begins with it.
    this.#show();
    if (call.status.state === "live") await this.#ask(call, drive);
  }

  /**
   * A device has gone on or off: offer what makes sense now.
   *
   * @param {Turn} turn
   * @returns {boolean} true when there is something to offer, and the notice says so
   */
  offer(turn) {
    const call = this.#call;
    const offer = call && !this.root.hidden ? offerAfter(turn, call.wish.drive, this.media) : null;
    if (!offer) return false;
    this.#offered = turn;
    const take = () => {
      // The button is gone with its notice; the focus goes to where the choice can be changed.
      byId("control-settings", HTMLElement).focus({ preventScroll: true });
      void this.choose(offer.drive);
    };
    this.notice.show(describe(offer.code), "plain", { key: OFFER, action: { label: offer.label, take } });
    return true;
  }

  /**
   * @param {import("./call.js").Call} call
   * @param {ServerMessage} message
   */
  #hear(call, message) {
    if (message.type !== "hello" && message.type !== "drive") return;
    this.root.dataset.drive = message.drive;
    // Chosen while the line was being made, after its offer had left.
    if (message.type === "hello" && message.drive !== call.wish.drive) void this.#ask(call, call.wish.drive);
  }

  /**
   * @param {import("./call.js").Call} call
   * @param {Drive} drive
   */
  async #ask(call, drive) {
    try {
      await call.ask({ type: "set_drive", drive }, "drive", drive === "conversation" ? GET_VOICE_MS : undefined);
      if (call.wish.drive === drive) announce(SAID[drive]);
    } catch (error) {
      const lost = !(error instanceof ControlRefused) || error.code === "connection_lost";
      // A line that is gone is asked again by the next one's greeting, and a newer choice speaks for itself.
      if (lost || this.#call !== call || call.wish.drive !== drive) return;
      call.wish.drive = /** @type {Drive} */ (this.root.dataset.drive ?? "camera");
      this.#show();
      this.notice.show(describe(error.code, error.detail), "trouble", { forMs: 8000 });
    }
  }

  #show() {
    const call = this.#call;
    if (!call) return;
    for (const { drive, input, words, plain } of this.options) {
      const reason = whyNot(drive, this.media);
      const mute = drive === "voice" ? MUTED : drive === "conversation" ? MUTED_IN_TALK : "";
      const muted = mute !== "" && this.media.microphone !== null && !this.media.microphoneOn;
      input.checked = drive === call.wish.drive;
      input.disabled = reason !== "";
      words.textContent = reason || (muted ? mute : plain);
    }
    if (this.#offered && offerAfter(this.#offered, call.wish.drive, this.media)) return;
    this.#offered = null;
    this.notice.clear(OFFER);
  }
}
