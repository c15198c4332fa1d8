/** Puts the two halves of a picture together pixel by pixel, where there is no WebGL: the same, in more time. */

export class Matte2d {
  /** @type {CanvasRenderingContext2D} */
  #context;
  #halves = new OffscreenCanvas(1, 1);

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {readonly [number, number]} limits shares below and above which the matte is none and all
   */
  constructor(canvas, limits) {
    this.canvas = canvas;
    this.limits = limits;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw pictures.");
    this.#context = context;
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {boolean} matte whether its right half is one
   */
  draw(video, matte) {
    const { width, height } = this.canvas;
    if (!matte) return this.#context.drawImage(video, 0, 0, width, height);
    if (this.#halves.width !== 2 * width || this.#halves.height !== height)
      [this.#halves.width, this.#halves.height] = [2 * width, height];
    const context = this.#halves.getContext("2d", { willReadFrequently: true });
    if (!context) return;
    context.drawImage(video, 0, 0, 2 * width, height);
    const colours = context.getImageData(0, 0, width, height);
    joinHalves(colours.data, context.getImageData(width, 0, width, height).data, this.limits);
    this.#context.putImageData(colours, 0, 0);
  }

  clear() {
    this.#context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  get lost() {
    return false;
  }
}

/**
 * Give premultiplied colours their alpha, in place. A canvas takes colours that are not premultiplied.
 *
 * @param {Uint8ClampedArray} colours RGBA, opaque
 * @param {Uint8ClampedArray} matte RGBA, grey
 * @param {readonly [number, number]} limits
 */
export function joinHalves(colours, matte, [none, all]) {
  for (let at = 0; at < colours.length; at += 4) {
    const alpha = Math.min(Math.max(((matte[at + 1] ?? 0) / 255 - none) / (all - none), 0), 1);
    for (let channel = at; channel < at + 3; channel += 1)
      colours[channel] = alpha > 0 ? (colours[channel] ?? 0) / alpha : 0;
    colours[at + 3] = 255 * alpha;
  }
}
