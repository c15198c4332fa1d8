/** The dialog that makes a face from one or several photos of a person. */

import { reduceForUpload } from "../media/photo.js";
import { ApiError } from "../protocol/http-api.js";
import { announce, button, byId, icon, make } from "./dom.js";
import { Notice } from "./notice.js";
import { describe } from "./texts/describe.js";

/** @typedef {import("../media/face-gallery.js").FaceGallery} FaceGallery */

export class NewFaceDialog {
  /** @type {{file: File, address: string}[]} */
  #photos = [];
  #busy = false;
  /** Whether a face has been made from these photos. */
  #made = false;
  limits = { photos: 8, bytes: 10_000_000 };

  /**
   * @param {FaceGallery} gallery
   * @param {import("./photo-booth.js").PhotoBooth} booth
   * @param {import("./live-check-dialog.js").LiveCheckDialog} liveCheck
   */
  constructor(gallery, booth, liveCheck) {
    this.gallery = gallery;
    this.booth = booth;
    this.liveCheck = liveCheck;
    this.dialog = byId("new-face", HTMLDialogElement);
    this.form = byId("new-face-form", HTMLFormElement);
    this.thumbs = byId("thumbs", HTMLElement);
    this.drop = byId("drop", HTMLElement);
    this.name = byId("face-name", HTMLInputElement);
    this.consent = byId("face-consent", HTMLFieldSetElement);
    this.submit = button("make-face");
    this.notice = new Notice(byId("new-face-notice", HTMLElement));

    const files = byId("photo-files", HTMLInputElement);
    files.addEventListener("change", () => {
      this.add([...(files.files ?? [])]);
      files.value = "";
    });
    button("take-photo").addEventListener("click", () => void this.#takePhoto());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#make();
    });
    this.consent.addEventListener("change", () => this.#draw());
    this.dialog.addEventListener("close", () => this.#clear());
    this.#acceptDrops();
  }

  /**
   * Offer the check before the camera, nothing else, or not at all.
   *
   * @param {"off" | "offered" | "required"} live
   */
  offerLiveCheck(live) {
    for (const id of ["consent-live", "consent-live-hint"]) byId(id, HTMLElement).hidden = live === "off";
    for (const choice of this.consent.querySelectorAll("label")) {
      if (choice.id !== "consent-live") choice.hidden = live === "required";
    }
  }

  /** @param {readonly File[]} [files] to begin with */
  open(files = []) {
    if (!this.dialog.open) {
      this.notice.clear();
      this.dialog.showModal();
    }
    this.add(files);
  }

  /**
   * Add photos to those shown.
   *
   * @param {readonly File[]} files
   */
  add(files) {
    if (this.#busy) return;
    const photos = files.filter((file) => file.type === "" || file.type.startsWith("image/"));
    if (photos.length < files.length) this.notice.show(describe("not_an_image"));
    else if (files.length > 0) this.notice.clear();
    const free = Math.max(0, this.limits.photos - this.#photos.length);
    if (photos.length > free) this.notice.show(describe("too_many_photos"));
    if (photos.length > 0) this.#made = false;
    for (const file of photos.slice(0, free)) this.#photos.push({ file, address: URL.createObjectURL(file) });
    this.#draw();
  }

  async #takePhoto() {
    const photo = await this.booth.take();
    if (!photo) return;
    this.add([photo]);
    this.submit.focus();
  }

  /** Whose face it is, as the form says it; null: that was not chosen yet. */
  get #stated() {
    return new FormData(this.form).get("consent");
  }

  async #make() {
    const stated = this.#stated;
    if (this.#busy || this.#photos.length === 0 || stated === null) return;
    this.#setBusy(true);
    this.notice.clear();
    try {
      const files = await Promise.all(this.#photos.map(({ file }) => reduceForUpload(file)));
      const bytes = files.reduce((sum, file) => sum + file.size, 0);
      if (bytes > this.limits.bytes) throw new ApiError(413, "too_many_bytes", "");
      const check = stated === "live" ? await this.liveCheck.run(files) : null;
      if (stated === "live" && check === null) return; // it was closed
      const avatar = await this.gallery.add(files, this.name.value.trim(), String(stated), check);
      this.#made = true;
      announce(`${avatar.name || "Your face"} is ready and chosen.`);
      const warnings = avatar.warnings ?? [];
      if (warnings.length === 0) this.dialog.close();
      else this.#warn(warnings);
    } catch (error) {
      const { code, detail } = error instanceof ApiError ? error : { code: "error", detail: String(error) };
      this.notice.show(describe(code, detail));
    } finally {
      this.#setBusy(false);
    }
  }

  /**
   * The face is made and chosen, but its photos are not good ones: keep the dialog open, and say why.
   *
   * @param {readonly string[]} warnings sentences
   */
  #warn(warnings) {
    const message = { title: "The face is ready, but could be better", text: warnings.join("\n") };
    this.notice.show(message, "info", { action: { label: "Use it anyway", run: () => this.dialog.close() } });
    this.notice.root.querySelector("button")?.focus(); // which also brings the notice into view on a small screen
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    this.#busy = busy;
    this.submit.classList.toggle("working", busy);
    this.submit.textContent = busy ? "Making the face" : "Make this face";
    this.#draw();
  }

  #draw() {
    this.submit.disabled = this.#busy || this.#made || this.#photos.length === 0 || this.#stated === null;
    this.thumbs.replaceChildren(
      ...this.#photos.map((photo, index) => {
        const picture = make("img", "");
        picture.src = photo.address;
        picture.alt = `Photo ${index + 1}: ${photo.file.name}`;
        // What the browser cannot show is marked, not hidden: the server may still know the format.
        picture.addEventListener("error", () => picture.classList.add("unreadable"));
        const remove = make("button", "round small", icon("close"));
        remove.type = "button";
        remove.disabled = this.#busy;
        remove.setAttribute("aria-label", `Remove photo ${index + 1}`);
        remove.addEventListener("click", () => {
          URL.revokeObjectURL(photo.address);
          this.#photos.splice(index, 1);
          this.#made = false;
          this.notice.clear();
          this.#draw();
          (this.thumbs.querySelector("button") ?? byId("photo-files", HTMLInputElement)).focus();
        });
        return make("li", "", picture, remove);
      }),
    );
  }

  #clear() {
    for (const { address } of this.#photos) URL.revokeObjectURL(address);
    this.#photos = [];
    this.#made = false;
    this.form.reset();
    this.notice.clear();
    this.#draw();
  }

  /** Photos may be dropped anywhere on the page: the dialog opens with them. */
  #acceptDrops() {
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
    let depth = 0;
    addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      depth += 1;
      this.#showDrop(true);
    });
    addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) this.#showDrop(false);
    });
    addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      this.#showDrop(false);
      this.open([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {boolean} on */
  #showDrop(on) {
    this.drop.classList.toggle("over", on);
    document.body.classList.toggle("dropping", on);
  }
}
