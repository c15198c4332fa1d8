/** The choice of what moves the avatar: shows and requests it, and suggests another when a device goes on or off. */

import { suggestDrive, unavailableReason } from "../../call/drive.js";
import { RequestRefused } from "../../protocol/pending-requests.js";
import { announce, byId } from "../dom.js";
import { describe } from "../texts/describe.js";

/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */
/** @typedef {import("../../protocol/data-channel.js").Drive} Drive */
/** @typedef {import("../../call/drive.js").DeviceChange} DeviceChange */

const ANNOUNCEMENTS = {
  camera: "Your face moves the avatar.",
  voice: "Your voice moves the avatar.",
  both: "Your face and voice move the avatar.",
  conversation: "The avatar talks with you.",
};
const MUTED = "You are muted: the lips rest until you unmute.";
const MUTED_IN_CONVERSATION = "You are muted: the avatar hears you once you unmute.";
/** A voice takes seconds to load. */
const VOICE_TIMEOUT_MS = 30_000;
const SUGGESTION = "drive_suggestion";

export class DriveSwitch {
  /** @type {import("../../call/call.js").Call | null} */
  #call = null;
  /** @type {DeviceChange | null} after which the suggestion shown was made */
  #suggestedAfter = null;

  /**
   * @param {import("../../media/local-media.js").LocalMedia} media
   * @param {import("../notice.js").Notice} notice
   */
  constructor(media, notice) {
    this.media = media;
    this.notice = notice;
    this.root = byId("drive", HTMLFieldSetElement);
    this.options = /** @type {Drive[]} */ (Object.keys(ANNOUNCEMENTS)).map((drive) => {
      const description = byId(`drive-${drive}-description`, HTMLElement);
      const input = byId(`drive-${drive}`, HTMLInputElement);
      input.addEventListener("change", () => void this.choose(drive));
      return { drive, input, description, usual: description.textContent ?? "" };
    });
    media.addEventListener("change", () => {
      if (!media.busy) this.#show(); // A device that is being changed is off for a moment only.
    });
  }

  /** @param {import("../../call/call.js").Call} call that is about to start */
  attach(call) {
    this.#call = call;
    this.root.hidden = call.settings.mode === "echo";
    delete this.root.dataset.drive;
    call.addEventListener("state", () => {
      // What was in force on the last connection says nothing about the next one.
      if (this.#call === call && call.status.state !== "live") delete this.root.dataset.drive;
    });
    call.addEventListener("message", (event) => {
      if (this.#call === call) this.#onMessage(call, /** @type {CustomEvent<ServerMessage>} */ (event).detail);
    });
    this.#show();
  }

  detach() {
    this.#call = null;
    this.#suggestedAfter = null;
  }

  /** @param {Drive} drive */
  async choose(drive) {
    const call = this.#call;
    if (!call || drive === call.settings.drive) return;
    call.settings.drive = drive; // If the connection breaks, the next one begins with it.
    this.#show();
    if (call.status.state === "live") await this.#requestDrive(call, drive);
  }

  /**
   * A device has gone on or off: suggest what should move the avatar now.
   *
   * @param {DeviceChange} change
   * @returns {boolean} true when there is something to suggest, and the notice says so
   */
  suggest(change) {
    const call = this.#call;
    const suggestion = call && !this.root.hidden ? suggestDrive(change, call.settings.drive, this.media) : null;
    if (!suggestion) return false;
    this.#suggestedAfter = change;
    const accept = () => {
      // The button is gone with its notice; the focus goes to where the choice can be changed.
      byId("control-settings", HTMLElement).focus({ preventScroll: true });
      void this.choose(suggestion.drive);
    };
    const action = { label: suggestion.label, run: accept };
    this.notice.show(describe(suggestion.code), "info", { key: SUGGESTION, action });
    return true;
  }

  /**
   * @param {import("../../call/call.js").Call} call
   * @param {ServerMessage} message
   */
  #onMessage(call, message) {
    if (message.type !== "hello" && message.type !== "drive") return;
    this.root.dataset.drive = message.drive;
    // Chosen while the connection was being made, after the request for it had been sent.
    const { drive } = call.settings;
    if (message.type === "hello" && message.drive !== drive) void this.#requestDrive(call, drive);
  }

  /**
   * @param {import("../../call/call.js").Call} call
   * @param {Drive} drive
   */
  async #requestDrive(call, drive) {
    try {
      await call.request({ type: "set_drive", drive }, drive === "conversation" ? VOICE_TIMEOUT_MS : undefined);
      if (call.settings.drive === drive) announce(ANNOUNCEMENTS[drive]);
    } catch (error) {
      const lost = !(error instanceof RequestRefused) || error.code === "connection_lost";
      // After a lost connection the next one's "hello" asks again, and a newer choice has its own request.
      if (lost || this.#call !== call || call.settings.drive !== drive) return;
      call.settings.drive = /** @type {Drive} */ (this.root.dataset.drive ?? "camera");
      this.#show();
      this.notice.show(describe(error.code, error.detail), "error", { forMs: 8000 });
    }
  }

  #show() {
    const call = this.#call;
    if (!call) return;
    for (const { drive, input, description, usual } of this.options) {
      const reason = unavailableReason(drive, this.media);
      const mute = drive === "voice" ? MUTED : drive === "conversation" ? MUTED_IN_CONVERSATION : "";
      const muted = mute !== "" && this.media.microphone !== null && !this.media.microphoneOn;
      input.checked = drive === call.settings.drive;
      input.disabled = reason !== "";
      description.textContent = reason || (muted ? mute : usual);
    }
    if (this.#suggestedAfter && suggestDrive(this.#suggestedAfter, call.settings.drive, this.media)) return;
    this.#suggestedAfter = null;
    this.notice.clear(SUGGESTION);
  }
}
