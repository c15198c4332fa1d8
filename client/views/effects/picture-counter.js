/** Counts, about once a second, how many pictures of a video came and were shown, and how often the screen is drawn. */

/** @typedef {import("./lateness.js").PictureCount} PictureCount */

const INTERVAL_MS = 1000;
/** A gap between two refreshes is measured so often: watching each of them would itself cost processor time. */
const GAP_EVERY_MS = 200;

export class PictureCounter {
  /** @type {number[]} */
  #gapsMs = [];
  /** @type {ReturnType<typeof setInterval>[]} */
  #timers = [];

  /**
   * @param {HTMLVideoElement} video
   * @param {(count: PictureCount | null) => void} onCount null while the video is not shown
   */
  constructor(video, onCount) {
    this.video = video;
    this.onCount = onCount;
  }

  start() {
    this.stop();
    this.#timers = [
      setInterval(() => this.#measureGap(), GAP_EVERY_MS),
      setInterval(() => this.#count(), INTERVAL_MS),
    ];
  }

  stop() {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#gapsMs = [];
  }

  #measureGap() {
    if (document.hidden) return; // No refresh comes, and what waits for one would pile up.
    requestAnimationFrame((firstMs) => {
      requestAnimationFrame((secondMs) => this.#gapsMs.push(secondMs - firstMs));
    });
  }

  #count() {
    const timeMs = performance.now();
    const gaps = this.#gapsMs.sort((a, b) => a - b);
    this.#gapsMs = [];
    if (document.hidden || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return this.onCount(null);
    const { totalVideoFrames, droppedVideoFrames } = this.video.getVideoPlaybackQuality();
    const gapMs = gaps[Math.floor(gaps.length / 2)] ?? null;
    this.onCount({ timeMs, arrived: totalVideoFrames, dropped: droppedVideoFrames, gapMs });
  }
}
