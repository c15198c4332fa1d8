/**
 * What the address of the page for OBS asks for, as pure rules: `/obs?avatar=mira&drive=voice`.
 *
 * @typedef {import("../protocol/data-channel.js").Drive} Drive
 *
 * @typedef {object} ObsAddress
 * @property {string} avatar id of the face; "" to watch a call
 * @property {Drive} drive what moves it
 * @property {boolean} camera whether the camera is needed
 * @property {boolean} microphone
 * @property {string} watch token of the call to be shown instead; "" for a call of the page's own
 * @property {string} background of a call of its own
 * @property {boolean} sound whether the avatar's sound is played
 * @property {number} width of the picture in pixels; 0: as the window suggests
 * @property {number} height
 * @property {boolean} debug whether the page says how it goes
 * @property {string} error what is wrong with the address, as a sentence; "" when nothing is
 */

/** By what moves the avatar: the server's word for it, and what devices it needs. */
const DRIVES = /** @type {Readonly<Record<string, {drive: Drive, camera: boolean, microphone: boolean}>>} */ ({
  idle: { drive: "voice", camera: false, microphone: false },
  voice: { drive: "voice", camera: false, microphone: true },
  camera: { drive: "camera", camera: true, microphone: false },
  both: { drive: "both", camera: true, microphone: true },
  conversation: { drive: "conversation", camera: false, microphone: true },
  bot: { drive: "voice", camera: false, microphone: false },
});
const TOKEN = /^[\w-]{8,64}$/;
/** With its matte beside it, a picture has to fit into 1280x720 or 720x1280. */
const MOST = { wide: [640, 720], tall: [360, 1280] };
/** Without, as the server has it: `can_be_sent` in avatar/config/kinds.py. */
const MOST_ALONE = { wide: [1280, 720], tall: [720, 1280] };
const LEAST = 128;
/** Widest and tallest shapes: beside an avatar there is nothing to be seen, and below it its body ends. */
const WIDEST = 4 / 3;
const TALLEST = 9 / 16;
/** Pixels of height that are worth their time: a window that is higher shows them enlarged. */
const HIGHEST = 640;

/**
 * @param {string} search of the address, from the "?" on
 * @returns {ObsAddress}
 */
export function readObsAddress(search) {
  const query = new URLSearchParams(search);
  const asked = query.get("drive") ?? (query.has("watch") ? "bot" : "idle");
  const known = Object.hasOwn(DRIVES, asked) ? DRIVES[asked] : undefined;
  const watch = (query.get("watch") ?? "").replace(/[?#].*$/, "").split("/").at(-1) ?? "";
  const [width, height] = sizeIn(query);
  const talks = watch !== "" || asked === "conversation";
  return {
    avatar: watch ? "" : (query.get("avatar") ?? "mira"),
    ...(known ?? { drive: "voice", camera: false, microphone: false }),
    watch,
    background: query.get("background") || "transparent",
    sound: query.has("sound") ? isOn(query.get("sound")) : talks,
    width,
    height,
    debug: isOn(query.get("debug")),
    error: known ? faultIn(query, asked, watch) : `drive=${asked} is none of: ${Object.keys(DRIVES).join(", ")}.`,
  };
}

/**
 * The size of the picture that is asked of the server for a window: its shape, as large as it and the video allow.
 *
 * @param {number} width of the window, in pixels of the screen
 * @param {number} height
 * @returns {[number, number]} both even
 */
export function pictureSize(width, height) {
  const ratio = Math.min(Math.max(width / Math.max(height, 1), TALLEST), WIDEST);
  const [mostWide, mostHigh] = MOST.wide;
  const high = Math.max(Math.min(height, HIGHEST, mostHigh ?? HIGHEST, (mostWide ?? HIGHEST) / ratio), LEAST, LEAST / ratio);
  return [even(high * ratio), even(high)];
}

/** @param {number} size */
function even(size) {
  return Math.max(LEAST, 2 * Math.round(size / 2));
}

/**
 * @param {URLSearchParams} query
 * @returns {[number, number]}
 */
function sizeIn(query) {
  const [width = 0, height = 0] = ["width", "height"].map((side) => (canBeSide(query.get(side)) ? Number(query.get(side)) : 0));
  return width > 0 && height > 0 ? [width, height] : [0, 0];
}

/** @param {string | null} text */
function canBeSide(text) {
  return text !== null && /^\d{3,4}$/.test(text) && Number(text) >= LEAST && Number(text) % 2 === 0;
}

/**
 * @param {URLSearchParams} query
 * @param {string} drive
 * @param {string} watch
 */
function faultIn(query, drive, watch) {
  if (query.has("watch") && !TOKEN.test(watch)) return "watch= is a call's watch link, or the end of it.";
  if (watch) return "";
  if (drive === "bot") return "drive=bot shows a program's call: add watch= and the end of its watch link.";
  return sizeFault(query);
}

/** @param {URLSearchParams} query */
function sizeFault(query) {
  const given = ["width", "height"].filter((side) => query.has(side));
  for (const side of given) {
    if (!canBeSide(query.get(side)))
      return `${side}=${query.get(side)} is no size: an even number of pixels from ${LEAST} is needed, such as ${side}=512.`;
  }
  if (given.length === 1) return "width= and height= need each other; without both, the picture has the window's shape.";
  const [width, height] = sizeIn(query);
  const transparent = (query.get("background") || "transparent") === "transparent";
  const most = transparent ? MOST : MOST_ALONE;
  const fits = [most.wide, most.tall].some(([wide = 0, high = 0]) => width <= wide && height <= high);
  if (fits) return "";
  const [wide, tall] = [most.wide.join("x"), most.tall.join("x")];
  return `A ${transparent ? "transparent " : ""}picture is at most ${wide} or ${tall}: width= and height=.`;
}

/** @param {string | null} value */
function isOn(value) {
  return value !== null && value !== "0" && value !== "false";
}
