/**
 * What lies around the picture of a call: the colours of the chosen face, so soft that nothing can be made out.
 *
 * Drawn once into a small canvas that the browser stretches: a blur by CSS would be drawn again with every picture that
 * moves before it.
 */

/** Sides of the drawings in pixels, each a smoothed enlargement of the one before: together they blur like a Gaussian. */
const SIDES = [6, 12, 24, 48, 96];

export class Backdrop {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.picture = new Image();
    this.picture.addEventListener("load", () => this.#draw());
  }

  /** @param {string} address of a picture, on this server */
  show(address) {
    if (this.picture.getAttribute("src") !== address) this.picture.src = address;
  }

  #draw() {
    /** @type {HTMLImageElement | OffscreenCanvas} */
    let source = this.picture;
    for (const side of SIDES) {
      const smaller = new OffscreenCanvas(side, side);
      const context = smaller.getContext("2d");
      if (!context) return; // Without it the page's own colour is there.
      context.imageSmoothingQuality = "high";
      context.drawImage(source, 0, 0, side, side);
      source = smaller;
    }
    const side = SIDES.at(-1) ?? 0;
    this.canvas.width = this.canvas.height = side;
    this.canvas.getContext("2d")?.drawImage(source, 0, 0);
  }
}
