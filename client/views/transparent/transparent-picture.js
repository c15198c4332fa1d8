/** A canvas that shows a video whose pictures have their matte beside them, with nothing behind the avatar. */

import { Matte2d } from "./matte-2d.js";
import { MatteGl } from "./matte-gl.js";

/** A matte's share below and above which it is taken for none and all: encoders are not exact, and a veil is seen. */
const LIMITS = /** @type {const} */ ([0.03, 0.97]);
/** A picture this much wider than the avatar's has its matte beside it: it is twice as wide, but for rounding. */
const WIDER = Math.SQRT2;

/**
 * Whether a picture of a call has its matte beside it: pictures change their size and their background in mid-call, and
 * each tells by itself.
 *
 * @param {number} width of the video's picture
 * @param {number} height
 * @param {number | null} ratio width / height of the avatar's picture; null: the matte is always there
 */
export function hasMatte(width, height, ratio) {
  return ratio === null || width / height > WIDER * ratio;
}

/** Events: "picture" (the first one of a stream is shown). */
export class TransparentPicture extends EventTarget {
  /** width / height of the avatar's picture; null where its matte is always beside it. @type {number | null} */
  ratio = null;
  /** What draws: "webgl" or "2d". */
  renderer = "";
  pictures = 0;
  #waiting = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLVideoElement} video plays the stream; it need not be seen
   * @param {boolean} [plain] whether to do without WebGL
   */
  constructor(canvas, video, plain = false) {
    super();
    this.canvas = canvas;
    this.video = video;
    this.painter = this.#open(plain);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => (this.painter = this.#open(false)));
    video.addEventListener("playing", () => this.#next());
  }

  /** Show a stream; the last picture of the one before stays until its first one comes. @param {MediaStream} stream */
  play(stream) {
    if (this.video.srcObject === stream) return;
    this.pictures = 0;
    this.video.srcObject = stream;
    this.video.play().catch(() => {
      // Sound that nobody has asked for here is not let through: the picture is worth more.
      this.video.muted = true;
      this.video.play().catch(() => undefined); // Interrupted by the next stream.
    });
  }

  /** Show nothing. */
  clear() {
    this.video.srcObject = null;
    this.painter.clear();
  }

  /** @param {boolean} plain */
  #open(plain) {
    if (!plain)
      try {
        const painter = new MatteGl(this.canvas, LIMITS);
        this.renderer = "webgl";
        return painter;
      } catch (error) {
        console.warn("Without WebGL pictures are put together more slowly.", error);
      }
    this.renderer = "2d";
    return new Matte2d(this.canvas, LIMITS);
  }

  /** Wait for the video's next picture. */
  #next() {
    if (this.#waiting) return;
    this.#waiting = true;
    const draw = () => {
      this.#waiting = false;
      this.#draw();
      if (this.video.srcObject !== null) this.#next();
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(draw);
    else requestAnimationFrame(draw);
  }

  #draw() {
    const { video, canvas } = this;
    if (video.srcObject === null || video.videoWidth === 0 || this.painter.lost) return;
    const matte = hasMatte(video.videoWidth, video.videoHeight, this.ratio);
    const width = matte ? video.videoWidth >> 1 : video.videoWidth;
    if (canvas.width !== width || canvas.height !== video.videoHeight)
      [canvas.width, canvas.height] = [width, video.videoHeight];
    this.painter.draw(video, matte);
    this.pictures += 1;
    if (this.pictures === 1) this.dispatchEvent(new Event("picture"));
  }
}
