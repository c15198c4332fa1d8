/** The page's costly effects (what lies behind glass blurs through): shown where they are wanted and can be paid. */

import { loadPreference, savePreference } from "../../preferences.js";
import { byId } from "../dom.js";
import { inTime, nextLateness } from "./lateness.js";
import { PictureCounter } from "./picture-counter.js";
import { drawsInSoftware } from "./software-renderer.js";

/** @typedef {"auto" | "on" | "off"} EffectsChoice */

const CHOICES = /** @type {readonly EffectsChoice[]} */ (["auto", "on", "off"]);
const PREFERENCE = "effects";
/** What people have set on their system who are disturbed by glass, or by what moves behind it. */
const LESS = "(prefers-reduced-transparency: reduce), (prefers-reduced-motion: reduce)";

/**
 * The choice that is stored; whatever else is stored there counts as "auto".
 *
 * @param {string | null} stored
 * @returns {EffectsChoice}
 */
export function parseChoice(stored) {
  return CHOICES.find((choice) => choice === stored) ?? "auto";
}

/**
 * Whether the effects are shown.
 *
 * @param {EffectsChoice} choice
 * @param {{software: boolean, less: boolean, late: boolean}} why not: the page is drawn without a graphics processor,
 *   the system asks for less of them, pictures come late
 */
export function showsEffects(choice, { software, less, late }) {
  return choice === "on" || (choice === "auto" && !software && !less && !late);
}

export class Effects {
  #choice = parseChoice(loadPreference(PREFERENCE));
  /** Until it is known, as if so. */
  #software = true;
  #lateness = inTime(0);
  #running = false;

  /** @param {HTMLVideoElement} video whose pictures come late where effects cost too much */
  constructor(video) {
    this.less = matchMedia(LESS);
    this.less.addEventListener("change", () => this.#watch());
    this.select = byId("effects", HTMLSelectElement);
    this.select.value = this.#choice;
    this.select.addEventListener("change", () => this.#choose(parseChoice(this.select.value)));
    this.counter = new PictureCounter(video, (count) => {
      this.#lateness = nextLateness(this.#lateness, count);
      this.#show();
    });
    this.#show();
    // Opening WebGL takes tens of milliseconds, which the page's first picture need not wait for.
    setTimeout(() => {
      this.#software = drawsInSoftware();
      this.#watch();
    });
  }

  /** A call begins: watch its pictures. */
  start() {
    this.#lateness = inTime(performance.now());
    this.#running = true;
    this.#watch();
  }

  /** The call has ended. */
  stop() {
    this.#lateness = inTime(performance.now());
    this.#running = false;
    this.#watch();
  }

  /** @param {EffectsChoice} choice */
  #choose(choice) {
    this.#choice = choice;
    savePreference(PREFERENCE, choice);
    this.#watch();
  }

  /** Watch the call's pictures while that can decide anything. */
  #watch() {
    const reasons = { software: this.#software, less: this.less.matches };
    const decides = [true, false].map((late) => showsEffects(this.#choice, { ...reasons, late }));
    if (this.#running && decides[0] !== decides[1]) this.counter.start();
    else this.counter.stop();
    this.#show();
  }

  #show() {
    const { matches: less } = this.less;
    const full = showsEffects(this.#choice, { software: this.#software, less, late: this.#lateness.late });
    document.documentElement.dataset.effects = full ? "full" : "plain";
  }
}
