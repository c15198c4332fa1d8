/** The choice of what is behind the avatar, as radio buttons with a sample of each. */

import { BACKGROUND_KINDS } from "../media/background-choice.js";
import { icon, make } from "./dom.js";

/** @typedef {import("../media/background-choice.js").BackgroundChoice} BackgroundChoice */
/** @typedef {import("../media/background-choice.js").BackgroundKind} BackgroundKind */

const LABELS = { keep: "Its own", blur: "Blurred", colour: "Colour", picture: "Picture" };
const ICONS = { keep: "faces", blur: "blur", colour: "drop", picture: "picture" };

/** Events: "unreadable" (a file that is no picture). */
export class BackgroundPicker extends EventTarget {
  /** @type {Record<BackgroundKind, HTMLInputElement>} */
  #inputs;

  /**
   * @param {HTMLElement} root
   * @param {BackgroundChoice} choice
   */
  constructor(root, choice) {
    super();
    this.choice = choice;
    this.colour = make("input", "background-colour");
    this.colour.type = "color";
    this.colour.setAttribute("aria-label", "Colour of the background");
    this.colour.addEventListener("change", () => choice.chooseColour(this.colour.value));
    this.file = make("input", "visually-hidden");
    this.file.type = "file";
    this.file.accept = "image/*";
    this.file.id = "background-file";
    this.file.addEventListener("change", () => void this.#take());
    this.more = make("label", "button compact file-button", this.file, "Choose a picture");
    this.#inputs = /** @type {Record<BackgroundKind, HTMLInputElement>} */ ({});
    const tiles = make("div", "backgrounds", ...BACKGROUND_KINDS.map((kind) => this.#tile(kind)));
    this.group = make("fieldset", "background-group", make("legend", "", "Background"), tiles, this.colour, this.more);
    root.replaceChildren(this.group);
    choice.addEventListener("change", () => this.show());
    this.show();
  }

  /** Show what is chosen. @param {BackgroundKind | null} [inForce] what is there where nothing was chosen */
  show(inForce = null) {
    const { kind, colour, picture } = this.choice;
    const shown = kind ?? inForce;
    for (const one of BACKGROUND_KINDS) this.#inputs[one].checked = one === shown;
    this.colour.value = colour;
    this.colour.hidden = shown !== "colour";
    this.more.hidden = shown !== "picture";
    const sample = this.#inputs.picture.parentElement?.querySelector("img");
    if (sample) {
      sample.hidden = !picture;
      if (picture && sample.src !== picture) sample.src = picture;
    }
  }

  /** @param {boolean} on whether the change is on its way */
  setBusy(on) {
    this.group.classList.toggle("busy", on);
    this.group.setAttribute("aria-busy", String(on));
  }

  /** @param {BackgroundKind} kind */
  #tile(kind) {
    const input = make("input", "visually-hidden");
    input.type = "radio";
    input.name = "background";
    input.value = kind;
    input.id = `background-${kind}`;
    input.addEventListener("change", () => this.#choose(kind));
    this.#inputs[kind] = input;
    const sample = make("span", "background-sample", icon(ICONS[kind]));
    if (kind === "picture") {
      const picture = make("img", "");
      picture.alt = "";
      picture.hidden = true;
      sample.append(picture);
    }
    return make("label", "background", input, sample, make("span", "background-name", LABELS[kind]));
  }

  /** @param {BackgroundKind} kind */
  #choose(kind) {
    if (kind !== "picture" || this.choice.picture) return this.choice.choose(kind);
    this.show(); // Nothing changes before there is a picture.
    this.file.click();
  }

  async #take() {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    try {
      await this.choice.choosePicture(file);
    } catch {
      this.dispatchEvent(new Event("unreadable"));
    }
  }
}
