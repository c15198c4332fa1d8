/** The link of a room, `/?room=ID`: whoever has it may come in. */

const ID = /^[A-Za-z0-9_-]{16,64}$/;
const ID_BYTES = 16;

/** @returns {string} the id of a new room, which nobody can guess */
export function makeRoomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/**
 * The room that a page's address names.
 *
 * @param {string} search of the address, with its `?`
 * @returns {string | null} its id, "" where the address holds something that is none; null where it names no room
 */
export function parseRoomId(search) {
  const id = new URLSearchParams(search).get("room");
  if (id === null) return null;
  return ID.test(id) ? id : "";
}

/**
 * The page's address in a room, or out of one. What else it says stays.
 *
 * @param {string} address of the page now
 * @param {string | null} id null: of no room
 * @returns {string} without a fragment: a token in it is nobody else's
 */
export function roomLink(address, id) {
  const link = new URL(address);
  link.hash = "";
  if (id === null) link.searchParams.delete("room");
  else link.searchParams.set("room", id);
  return link.href;
}
