/** What this browser stores between visits: the chosen devices and face, and the ids of faces uploaded from it. */

const PREFIX = "avatar.";
const MAX_FACES = 32;

/**
 * @param {string} key
 * @returns {string | null}
 */
export function loadPreference(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null; // Storage can be switched off; then nothing is stored.
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function savePreference(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Switched off or full: the page works without.
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
    return [...new Set(list.filter((id) => typeof id === "string" && /^[\w-]{1,128}$/.test(id)))].slice(0, MAX_FACES);
  } catch {
    return [];
  }
}

/** @returns {string[]} ids of uploaded faces, newest first */
export function loadFaceIds() {
  return parseIds(loadPreference("faces"));
}

/** @param {readonly string[]} ids */
export function saveFaceIds(ids) {
  savePreference("faces", JSON.stringify(ids.slice(0, MAX_FACES)));
}
