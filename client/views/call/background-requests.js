/** Asking the server for what the user wants behind the avatar: one change at a time, the newest after it. */

import { ApiError } from "../../protocol/http-api.js";
import { RequestRefused } from "../../protocol/pending-requests.js";
import { announce } from "../dom.js";
import { describe } from "../texts/describe.js";

const ANNOUNCEMENTS = {
  keep: "The avatar has its own background.",
  blur: "The background is blurred.",
  colour: "The background is one colour.",
  picture: "The background is your picture.",
};
const TIMEOUT_MS = 15_000;
/** What is said otherwise of a photo with a face. @type {Readonly<Record<string, string>>} */
const TEXT_CODES = { image_too_small: "background_too_small" };

export class BackgroundRequests {
  /** @type {import("../../call/call.js").Call | null} */
  #call = null;
  #asking = false;
  /** What the call began with. @type {import("../../media/background-choice.js").BackgroundKind | null} */
  #began = null;

  /**
   * @param {import("../../media/background-choice.js").BackgroundChoice} choice
   * @param {import("../background-picker.js").BackgroundPicker} picker
   * @param {import("../notice.js").Notice} notice
   */
  constructor(choice, picker, notice) {
    this.choice = choice;
    this.picker = picker;
    this.notice = notice;
    choice.addEventListener("change", () => void this.#ask());
    picker.addEventListener("unreadable", () => notice.show(describe("not_an_image")));
  }

  /** @param {import("../../call/call.js").Call} call that is about to start */
  attach(call) {
    this.#call = call;
    this.picker.group.hidden = call.settings.mode === "echo";
    call.addEventListener("message", (event) => {
      const message = /** @type {CustomEvent<import("../../protocol/data-channel.js").ServerMessage>} */ (event).detail;
      if (this.#call !== call || message.type !== "hello") return;
      this.#began = readInForce(message.background);
      this.picker.show(this.#began);
    });
    call.addEventListener("state", () => void this.#ask()); // Chosen while there was no connection.
  }

  detach() {
    this.#call = null;
    this.picker.setBusy(false);
  }

  async #ask() {
    const call = this.#call;
    const { choice } = this;
    if (!call || this.#asking || choice.kind === null || call.status.state !== "live") return;
    const wanted = `${choice.kind} ${choice.colour} ${choice.picture.length}`;
    this.#asking = true;
    this.picker.setBusy(true);
    try {
      const name = await this.#name(call);
      if (name === null || name === call.settings.background) return;
      await call.request({ type: "set_background", background: name }, TIMEOUT_MS);
      call.settings.background = name; // The next connection begins with it.
      announce(ANNOUNCEMENTS[choice.kind]);
    } catch (error) {
      this.#explain(call, error);
    } finally {
      this.#asking = false;
      this.picker.setBusy(false);
    }
    if (wanted !== `${choice.kind} ${choice.colour} ${choice.picture.length}`) void this.#ask();
  }

  /**
   * @param {import("../../call/call.js").Call} call
   * @returns {Promise<string | null>}
   */
  #name(call) {
    // A connection that was refused for it: the server has started anew, and knows no pictures.
    if (call.settings.background === null) this.choice.forgetId();
    return this.choice.name();
  }

  /**
   * @param {import("../../call/call.js").Call} call
   * @param {unknown} error
   */
  #explain(call, error) {
    if (this.#call !== call || call.status.state !== "live") return; // Asked again once the call is live.
    const known = error instanceof RequestRefused || error instanceof ApiError;
    const { code, detail } = known ? error : { code: "error", detail: String(error) };
    if (code === "unknown_background") this.choice.forgetId();
    if (this.choice.isRefusal(error)) {
      this.choice.refuse();
      this.picker.show(this.#began);
    }
    this.notice.show(describe(TEXT_CODES[code] ?? code, detail), "error", { forMs: 8000 });
  }
}

/** @param {string | null | undefined} text of "hello" */
function readInForce(text) {
  if (text === "keep" || text === "blur") return text;
  return text?.startsWith("#") ? "colour" : null;
}
