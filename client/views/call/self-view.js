/** The self-view: the user's camera, small and mirrored, which can be dragged into any corner. */

import { loadPreference, savePreference } from "../../preferences.js";
import { byId, showTrack, video } from "../dom.js";

/** @typedef {"top-left" | "top-right" | "bottom-left" | "bottom-right"} Corner */

/**
 * The corner nearest to a point.
 *
 * @param {number} x
 * @param {number} y
 * @param {{left: number, top: number, width: number, height: number}} box
 * @returns {Corner}
 */
export function nearestCorner(x, y, box) {
  const vertical = y < box.top + box.height / 2 ? "top" : "bottom";
  const horizontal = x < box.left + box.width / 2 ? "left" : "right";
  return `${vertical}-${horizontal}`;
}

export class SelfView {
  /** @param {HTMLElement} area in whose corners it lies */
  constructor(area) {
    this.area = area;
    this.root = byId("self-view", HTMLElement);
    this.root.dataset.corner = loadPreference("corner") ?? "bottom-right";
    this.root.addEventListener("pointerdown", (event) => this.#drag(event));
  }

  /**
   * @param {MediaStreamTrack | null} camera
   * @param {boolean} visible
   */
  show(camera, visible) {
    this.root.hidden = !visible;
    this.root.classList.toggle("off", camera === null);
    showTrack(video("self-video"), visible ? camera : null);
  }

  /** @param {PointerEvent} start */
  #drag(start) {
    if (start.button !== 0) return;
    const { root } = this;
    root.setPointerCapture(start.pointerId);
    const moving = new AbortController();
    /** @param {PointerEvent} event */
    const move = (event) => {
      root.classList.add("dragged");
      root.style.translate = `${event.clientX - start.clientX}px ${event.clientY - start.clientY}px`;
    };
    /** @param {PointerEvent} event */
    const drop = (event) => {
      moving.abort();
      root.classList.remove("dragged");
      root.style.translate = "";
      const far = Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > 8;
      if (event.type === "pointercancel" || !far) return;
      const corner = nearestCorner(event.clientX, event.clientY, this.area.getBoundingClientRect());
      root.dataset.corner = corner;
      savePreference("corner", corner);
    };
    root.addEventListener("pointermove", move, { signal: moving.signal });
    root.addEventListener("pointerup", drop, { signal: moving.signal });
    root.addEventListener("pointercancel", drop, { signal: moving.signal });
  }
}
