/** Typed access to the page's elements, and small operations on them. */

/**
 * @template {Element} T
 * @param {string} id
 * @param {new (...args: any[]) => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`The page has no ${type.name} with id "${id}".`);
  return element;
}

/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);
/** @param {string} id */
export const video = (id) => byId(id, HTMLVideoElement);

/**
 * @param {string} name without the "i-"
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {Element} element that holds one icon
 * @param {string} name
 */
export function setIcon(element, name) {
  element.querySelector("use")?.setAttribute("href", `#i-${name}`);
}

/**
 * @param {HTMLButtonElement} element that holds an icon and a word
 * @param {string} text
 */
export function setLabel(element, text) {
  const label = element.querySelector("span");
  if (label) label.textContent = text;
}

/**
 * Make an element with a class and children.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} className
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/**
 * Show a track in a video element, or nothing.
 *
 * @param {HTMLVideoElement} element
 * @param {MediaStreamTrack | null} track
 */
export function showTrack(element, track) {
  const current = element.srcObject instanceof MediaStream ? element.srcObject.getVideoTracks()[0] : undefined;
  if ((current ?? null) === track) return;
  element.srcObject = track ? new MediaStream([track]) : null;
}

/**
 * Have screen readers read something out; nothing visible changes.
 *
 * @param {string} text
 */
export function announce(text) {
  const announcer = byId("announcer", HTMLElement);
  announcer.textContent = "";
  // Screen readers read changes only: the same sentence twice must be set in two steps.
  setTimeout(() => {
    announcer.textContent = text;
  }, 50);
}
