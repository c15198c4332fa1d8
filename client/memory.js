/** What this browser remembers between visits: the chosen devices and the ids of faces uploaded from it. */

const PREFIX = "avatar.";
const MOST_FACES = 32;

/**
 * @param {string} key
 * @returns {string | null}
 */
export function recall(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null; // Storage can be switched off; then nothing is remembered.
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Off or full: the page works without.
  }
}

/**
 * Read a list of ids; whatever else is stored there counts as an empty list.
 *
 * @param {string | null} text
 * @returns {string[]}
 */
export function parseIds(text) {
  try {
    const list = JSON.parse(text ?? "[]");
    if (!Array.isArray(list)) return [];
    return [...new Set(list.filter((id) => typeof id === "string" && /^[\w-]{1,128}$/.test(id)))].slice(0, MOST_FACES);
  } catch {
    return [];
  }
}

/** @returns {string[]} ids of uploaded faces, newest first */
export function recallFaces() {
  return parseIds(recall("faces"));
}

/** @param {readonly string[]} ids */
export function rememberFaces(ids) {
  remember("faces", JSON.stringify(ids.slice(0, MOST_FACES)));
}
