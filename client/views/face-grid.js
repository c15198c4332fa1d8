/** The faces to choose from, as a group of radio buttons with pictures. */

import { icon, make } from "./dom.js";

/** @typedef {import("../protocol/http-api.js").Avatar} Avatar */
/** @typedef {import("../media/face-gallery.js").FaceGallery} FaceGallery */

/** Events: "add" (the user asks for a new face), "remove" (CustomEvent<Avatar>). */
export class FaceGrid extends EventTarget {
  /**
   * @param {HTMLElement} root
   * @param {FaceGallery} gallery
   * @param {string} name of the radio group, unique in the page
   * @param {{canAdd?: boolean}} [options] whether there is a card that asks for a new face
   */
  constructor(root, gallery, name, { canAdd = true } = {}) {
    super();
    this.gallery = gallery;
    this.name = name;
    this.canAdd = canAdd;
    this.grid = make("div", "faces");
    const group = make("fieldset", "face-group", make("legend", "visually-hidden", "Faces"), this.grid);
    root.replaceChildren(group);
    this.showPlaceholders();
    gallery.addEventListener("change", () => this.#draw());
    gallery.addEventListener("select", () => this.#markSelected());
  }

  /** Grey placeholders until the list has been loaded. */
  showPlaceholders() {
    this.grid.replaceChildren(...Array.from({ length: 4 }, () => make("div", "face placeholder")));
  }

  /** Show which face the server is loading; null when none. @param {string | null} id */
  setBusy(id) {
    for (const card of this.grid.querySelectorAll("[data-id]"))
      card.classList.toggle("busy", id !== null && card instanceof HTMLElement && card.dataset.id === id);
  }

  #draw() {
    const focusedId = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : null;
    const hadFocus = this.grid.contains(document.activeElement);
    const cards = this.gallery.all.map((avatar) => this.#card(avatar));
    this.grid.replaceChildren(...(this.canAdd ? [this.#addCard()] : []), ...cards);
    this.#markSelected();
    if (!hadFocus) return;
    const inputs = [...this.grid.querySelectorAll("input")];
    (inputs.find((input) => input.value === focusedId) ?? inputs.find((input) => input.checked))?.focus();
  }

  #markSelected() {
    for (const input of this.grid.querySelectorAll("input")) input.checked = input.value === this.gallery.selected?.id;
  }

  #addCard() {
    const picture = make("span", "face-picture", icon("plus"));
    const add = make("button", "face add", picture, make("span", "face-name", "Your photo"));
    add.type = "button";
    add.addEventListener("click", () => this.dispatchEvent(new Event("add")));
    return add;
  }

  /** @param {Avatar} avatar */
  #card(avatar) {
    const input = make("input", "visually-hidden");
    input.type = "radio";
    input.name = this.name;
    input.value = avatar.id;
    input.addEventListener("change", () => this.gallery.select(avatar.id));
    const picture = make("img", "");
    picture.src = avatar.preview;
    picture.alt = "";
    picture.decoding = "async";
    const tick = make("span", "face-tick", icon("check"));
    const label = make(
      "label",
      "",
      input,
      make("span", "face-picture", picture, tick),
      make("span", "face-name", avatar.name || "My face"),
    );
    const card = make("div", "face", label);
    card.dataset.id = avatar.id;
    if (avatar.kind === "uploaded") {
      card.append(this.#removeButton(avatar));
    }
    return card;
  }

  /**
   * Deleting takes two presses: the first one turns the cross into the word.
   *
   * @param {Avatar} avatar
   */
  #removeButton(avatar) {
    const name = avatar.name || "this face";
    const remove = make("button", "round small face-remove", icon("close"));
    remove.type = "button";
    remove.setAttribute("aria-label", `Delete ${name}`);
    let confirming = false;
    remove.addEventListener("click", () => {
      if (confirming) return this.dispatchEvent(new CustomEvent("remove", { detail: avatar }));
      confirming = true;
      remove.replaceChildren("Delete");
      remove.classList.add("confirming");
      remove.setAttribute("aria-label", `Delete ${name}: press again to confirm`);
    });
    remove.addEventListener("blur", () => {
      confirming = false;
      remove.replaceChildren(icon("close"));
      remove.classList.remove("confirming");
      remove.setAttribute("aria-label", `Delete ${name}`);
    });
    return remove;
  }
}
