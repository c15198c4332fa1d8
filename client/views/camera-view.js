/** What the control page shows of a virtual camera: its figures, whether it is muted, and what it said lately. */

import { button, byId, make, setIcon, setLabel } from "./dom.js";

/** @typedef {import("../protocol/camera-control.js").CameraState} CameraState */

const SIGHTS = /** @type {Readonly<Record<string, string>>} */ ({ tracked: "face followed", held: "face held" });

/**
 * One line about how it goes.
 *
 * @param {CameraState} state
 */
export function figuresText({ fps, latency_ms, latency_ms_p95, follows_face, sight }) {
  const parts = [`${Math.round(fps)} pictures a second`];
  if (latency_ms !== null) {
    const most = latency_ms_p95 === null ? "" : ` (95 of 100 within ${Math.round(latency_ms_p95)})`;
    parts.push(`${Math.round(latency_ms)} ms from camera to device${most}`);
  }
  if (follows_face) parts.push(SIGHTS[sight] ?? "no face seen");
  return parts.join(" · ");
}

export class CameraView {
  constructor() {
    this.figures = byId("figures", HTMLElement);
    this.mute = button("mute");
    this.rest = button("rest");
    this.notes = byId("notes", HTMLElement);
  }

  /** @param {CameraState} state */
  show(state) {
    this.figures.textContent = figuresText(state);
    this.mute.hidden = state.muted === null;
    setIcon(this.mute, state.muted ? "mic-off" : "mic");
    setLabel(this.mute, state.muted ? "Unmute" : "Mute");
    this.rest.hidden = !state.follows_face;
    const newest = String(state.notes.at(-1)?.number ?? 0);
    if (this.notes.dataset.newest === newest) return;
    this.notes.dataset.newest = newest;
    this.notes.replaceChildren(...[...state.notes].reverse().map(({ text }) => make("li", "", text)));
  }

  showGone() {
    this.figures.textContent = "The camera has ended, or this link is not its own: its program prints the link of now.";
  }
}
