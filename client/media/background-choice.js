/**
 * What the user wants behind the avatar, remembered by this browser: a picture too, as a server forgets it.
 *
 * @typedef {"keep" | "blur" | "colour" | "picture"} BackgroundKind
 */

import { loadPreference, savePreference } from "../preferences.js";
import { ApiError, uploadBackground } from "../protocol/http-api.js";
import { dataBlob, pictureToJpeg } from "./photo.js";

/** @type {readonly BackgroundKind[]} */
export const BACKGROUND_KINDS = ["keep", "blur", "colour", "picture"];
const FIRST_COLOUR = "#2a6496";
/** No call's picture is longer, in pixels. */
const LONGEST_SIDE = 1280;

/** HTTP statuses of an upload that will not do, however often it is sent. */
const PICTURE_REFUSED = [413, 415, 422];

/** Events: "change". */
export class BackgroundChoice extends EventTarget {
  /** null: nothing was ever chosen, and the server's own is there. @type {BackgroundKind | null} */
  kind = null;
  colour = readColour(loadPreference("background_colour"));
  /** The picture as a data: address; "" when there is none. */
  picture = readPicture(loadPreference("background_picture"));
  /** The server's id for the picture. */
  #id = "";
  /** What there was before the picture. @type {{kind: BackgroundKind | null, picture: string, id: string}} */
  #before = { kind: null, picture: "", id: "" };

  /** @param {{remembered?: boolean}} [options] whether it begins with what was chosen last */
  constructor({ remembered = true } = {}) {
    super();
    if (remembered) this.kind = readKind(loadPreference("background"));
  }

  /** @param {BackgroundKind} kind for "picture", there has to be one */
  choose(kind) {
    this.kind = kind;
    savePreference("background", kind);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} colour as #rrggbb */
  chooseColour(colour) {
    this.colour = readColour(colour);
    savePreference("background_colour", this.colour);
    this.choose("colour");
  }

  /**
   * @param {Blob} file
   * @throws {Error} where the browser cannot read it
   */
  async choosePicture(file) {
    const picture = await pictureToJpeg(file, LONGEST_SIDE);
    this.#before = { kind: this.kind, picture: this.picture, id: this.#id };
    this.picture = picture;
    this.#id = "";
    savePreference("background_picture", this.picture);
    this.choose("picture");
  }

  /**
   * Whether `name` has failed because the server does not take the picture, which then is to be refused.
   *
   * @param {unknown} error
   */
  isRefusal(error) {
    return this.kind === "picture" && error instanceof ApiError && PICTURE_REFUSED.includes(error.status);
  }

  /** The server does not take the picture: what was there before it is chosen again, and it is not remembered. */
  refuse() {
    const { kind, picture, id } = this.#before;
    this.#before = { kind: null, picture: "", id: "" };
    this.picture = picture;
    this.#id = id;
    savePreference("background_picture", picture);
    savePreference("background", kind ?? "");
    this.kind = kind;
    this.dispatchEvent(new Event("change"));
  }

  /** The server has forgotten the picture: it is sent again when it is asked for next. */
  forgetId() {
    this.#id = "";
  }

  /**
   * The word for it in a call; a picture is sent to the server first.
   *
   * @returns {Promise<string | null>} null: the server's own
   * @throws {import("../protocol/http-api.js").ApiError}
   */
  async name() {
    if (this.kind === "colour") return this.colour;
    if (this.kind !== "picture") return this.kind;
    if (!this.#id) this.#id = await uploadBackground(dataBlob(this.picture));
    return this.#id;
  }
}

/** @param {string | null} text */
function readKind(text) {
  const kind = BACKGROUND_KINDS.find((one) => one === text) ?? null;
  return kind === "picture" && !readPicture(loadPreference("background_picture")) ? null : kind;
}

/** @param {string | null} text */
function readColour(text) {
  return text !== null && /^#[0-9a-f]{6}$/i.test(text) ? text.toLowerCase() : FIRST_COLOUR;
}

/** @param {string | null} text */
function readPicture(text) {
  return text?.startsWith("data:image/jpeg;base64,") ? text : "";
}
