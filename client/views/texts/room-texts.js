/** What the page says of who is in a room. */

/**
 * Who is in a room, for one who thinks of coming in.
 *
 * @param {readonly string[]} names "" for those without one
 * @param {number} most how many may be in it
 */
export function describeRoom(names, most) {
  if (names.length === 0) return "Nobody is in the room yet.";
  const who = listOf(named(names));
  const verb = names.length === 1 ? "is" : "are";
  return names.length >= most ? `The room is full: ${who} ${verb} in it.` : `${upperFirst(who)} ${verb} in the room.`;
}

/**
 * What has changed in a room, for screen readers; "" where nothing has.
 *
 * @param {ReadonlyMap<string, string>} before names by id
 * @param {ReadonlyMap<string, string>} now
 */
export function comings(before, now) {
  const came = [...now].filter(([id]) => !before.has(id)).map(([, name]) => name);
  const left = [...before].filter(([id]) => !now.has(id)).map(([, name]) => name);
  const said = [];
  if (came.length > 0) said.push(`${listOf(came)} joined.`);
  if (left.length > 0) said.push(`${listOf(left)} left.`);
  return said.join(" ");
}

/** @param {readonly string[]} names */
function named(names) {
  const known = names.filter(Boolean);
  const others = names.length - known.length;
  if (others === 0) return known;
  const guests = others === 1 ? "one guest" : `${others} guests`;
  return [...known, guests];
}

/** @param {readonly string[]} parts */
function listOf(parts) {
  return parts.length < 2 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** @param {string} text */
function upperFirst(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
