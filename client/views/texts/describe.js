/**
 * The text for a code of the page or the server: what happened, and what to do next.
 *
 * @typedef {object} NoticeText
 * @property {string} title what happened, in a few words
 * @property {string} text why, and what to do next
 */

import { CALL_TEXTS } from "./call-texts.js";
import { DEVICE_TEXTS } from "./device-texts.js";
import { PHOTO_TEXTS } from "./photo-texts.js";

const UNKNOWN = Object.freeze({ title: "Something went wrong", text: "Try again." });
const TEXTS = /** @type {Readonly<Record<string, NoticeText>>} */ ({
  ...DEVICE_TEXTS,
  ...PHOTO_TEXTS,
  ...CALL_TEXTS,
  error: UNKNOWN,
});

/** The code for each `reason` of the server's `bye`. */
const END_CODES = /** @type {Readonly<Record<string, string>>} */ ({
  left: "ended_left",
  idle: "ended_idle",
  no_route: "ended_route",
  dtls_failed: "ended_encryption",
  certificate: "ended_encryption",
  time_limit: "ended_time",
  server_stopping: "ended_server",
  failed: "ended_failed",
});

/**
 * The text for a code; for a code that this page does not know, the server's own sentence. Where that names one of
 * several photos ("Photo 2: ..."), the title does too.
 *
 * @param {string} code
 * @param {string} [detail] the server's own sentence
 * @returns {NoticeText}
 */
export function describe(code, detail = "") {
  const known = TEXTS[code];
  const which = /^Photo \d+/.exec(detail);
  if (known) return which ? { title: `${which[0]}: ${lowerFirst(known.title)}`, text: known.text } : known;
  return { title: UNKNOWN.title, text: detail || UNKNOWN.text };
}

/**
 * The text for the end of a call by the server.
 *
 * @param {string} reason of its `bye`
 * @param {string} [detail]
 * @returns {NoticeText}
 */
export function describeEnd(reason, detail = "") {
  const code = END_CODES[reason];
  if (code) return describe(code);
  return { title: describe("ended_failed").title, text: detail || describe("ended_failed").text };
}

/**
 * The sentence for who opens a watch link and is not let in. Those pages have no field for a token: it is in the link.
 *
 * @param {string} code
 * @param {string} [detail] the server's own sentence
 * @returns {string}
 */
export function describeRefusedWatching(code, detail = "") {
  if (code === "unauthorized" || code === "insufficient_scope")
    return "This link needs an access token that allows watching. Ask who sent it for one that ends in #token=...";
  return detail || "This browser could not connect.";
}

/** @param {string} text */
function lowerFirst(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
