/** Why the picture is simpler than the call asked for, in plain words. */

/** @typedef {import("../../protocol/data-channel.js").PictureQuality} PictureQuality */

/**
 * @typedef {object} QualityText
 * @property {string} short a few words beside the figures
 * @property {string} text what there is too little of, and what the server does about it
 */

const BACK = "It comes back by itself as soon as there is room.";
const UNKNOWN = Object.freeze({
  short: "simpler picture",
  text: `The server keeps the picture simple, so that it comes in time. ${BACK}`,
});
const TEXTS = /** @type {Readonly<Record<string, QualityText>>} */ ({
  cpu: {
    short: "simpler: server busy",
    text: `The server has little processor time to spare. It keeps the picture simple, so that it comes in time. ${BACK}`,
  },
  network: {
    short: "simpler: slow connection",
    text: `The connection between you and the server carries little. The picture is kept simple, so that it comes in time. ${BACK}`,
  },
  camera: {
    short: "simpler: slow camera",
    text: `Your camera's pictures come slowly or late. The avatar's picture is kept simple, so that it follows in time. ${BACK}`,
  },
  calls: {
    short: "simpler: many calls",
    text: `The server holds many calls at once. Each picture is kept simple, so that all come in time. ${BACK}`,
  },
});

/**
 * @param {PictureQuality | null | undefined} quality of the server's statistics
 * @returns {QualityText | null} null at full quality
 */
export function describeQuality(quality) {
  if (!quality || !(quality.level > 0)) return null;
  return (Object.hasOwn(TEXTS, quality.why) ? TEXTS[quality.why] : undefined) ?? UNKNOWN;
}
