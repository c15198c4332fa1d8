/** Full screen, with the controls hidden there while the user does nothing. */

const IDLE_MS = 3000;

export class FullScreen {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} root what fills the screen
   * @param {(on: boolean) => void} onChange
   */
  constructor(root, onChange) {
    this.root = root;
    document.addEventListener("fullscreenchange", () => {
      this.#resetIdle();
      onChange(this.on);
    });
    for (const type of ["pointermove", "pointerdown", "keydown"]) root.addEventListener(type, () => this.#resetIdle());
  }

  /** iPhones have no full screen for pages. */
  get possible() {
    return document.fullscreenEnabled;
  }

  get on() {
    return document.fullscreenElement === this.root;
  }

  async toggle() {
    if (this.on) await document.exitFullscreen();
    else await this.root.requestFullscreen({ navigationUI: "hide" });
  }

  async leave() {
    if (this.on) await document.exitFullscreen();
  }

  #resetIdle() {
    clearTimeout(this.#timer);
    this.root.classList.remove("idle");
    if (this.on) this.#timer = setTimeout(() => this.root.classList.add("idle"), IDLE_MS);
  }
}
