/** Captions of a conversation, over the picture: what the user said last, and the avatar's answer to it. */

import { byId, make } from "../dom.js";

/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */
/** @typedef {import("../../protocol/data-channel.js").CaptionMessage} CaptionMessage */

const INVITATION = "Say something: the avatar answers when you pause. Talk over it and it stops.";

/**
 * The text of a caption.
 *
 * @param {Pick<CaptionMessage, "speaker" | "text" | "seconds" | "unspoken">} caption
 * @returns {string}
 */
export function captionText({ speaker, text, seconds, unspoken }) {
  if (unspoken) {
    const what = unspoken === text ? "not spoken" : `“${unspoken}” not spoken`;
    return `${text} (${what}: this voice has no sound for it)`;
  }
  if (text || speaker === "avatar") return text;
  return `(you spoke for ${seconds.toFixed(1)} seconds)`;
}

export class Captions {
  #turn = 0;
  /** @type {HTMLElement | null} */
  #answer = null;

  constructor() {
    this.root = byId("captions", HTMLElement);
  }

  /** @param {boolean} on whether there is a conversation */
  show(on) {
    if (this.root.hidden === !on) return;
    this.root.hidden = !on;
    this.#turn = 0;
    this.#answer = null;
    this.root.replaceChildren(...(on ? [make("p", "caption note", INVITATION)] : []));
  }

  /** @param {ServerMessage} message */
  onMessage(message) {
    if (message.type === "caption") this.#add(message);
    if (message.type === "interrupted" && message.turn === this.#turn) this.#markInterrupted();
  }

  /** @param {CaptionMessage} caption */
  #add(caption) {
    if (caption.turn !== this.#turn) {
      this.#turn = caption.turn;
      this.#answer = null;
      this.root.replaceChildren();
    }
    const words = captionText(caption);
    if (caption.speaker === "you") {
      this.root.append(make("p", "caption you", words));
    } else if (this.#answer) {
      this.#answer.append(` ${words}`);
    } else {
      this.#answer = make("p", "caption avatar", words);
      this.root.append(this.#answer);
    }
  }

  #markInterrupted() {
    this.#answer?.classList.add("interrupted");
    this.#answer?.append(" …");
  }
}
