/** One-key shortcuts in the call. */

const KEYS = /** @type {Readonly<Record<string, Action>>} */ ({
  m: "mute",
  v: "camera",
  f: "fullscreen",
  c: "calibrate",
  e: "feelings",
  escape: "escape",
});

/** @typedef {"mute" | "camera" | "fullscreen" | "calibrate" | "feelings" | "escape"} Action */

/**
 * What a key means.
 *
 * @param {{key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, repeat: boolean}} event
 * @param {{typing: boolean, dialog: boolean}} where `typing`: the focus is in a text field or a list
 * @returns {Action | null}
 */
export function actionFor(event, { typing, dialog }) {
  if (dialog || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return null;
  const action = KEYS[event.key.toLowerCase()] ?? null;
  return typing && action !== "escape" ? null : action;
}

/** @param {Element | null} element with the focus */
export function isTyping(element) {
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) return true;
  return element instanceof HTMLInputElement && !["radio", "checkbox", "button"].includes(element.type);
}
