/**
 * The data channel's messages: JSON text, one object a message, `"v": 1`.
 *
 * @typedef {import("./drive.js").Drive} Drive
 *
 * @typedef {object} Hello
 * @property {"hello"} type
 * @property {string} session
 * @property {string | null} avatar null in a call that only echoes
 * @property {Drive} drive what moves the avatar as the call begins
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 *
 * @typedef {object} ServerStats
 * @property {"stats"} type
 * @property {number} fps
 * @property {number} camera_fps
 * @property {number | null} latency_ms a camera frame's arrival to its picture's departure, median of a second
 * @property {Record<string, number>} stage_ms
 * @property {number} bitrate_bps
 * @property {number} width
 * @property {number} height
 * @property {number} dropped
 * @property {string} face
 * @property {number | null} av_offset_ms
 *
 * @typedef {{type: "face", state: "tracked" | "lost"}} FaceMessage
 * @typedef {{type: "calibrated", reply_to?: string}} CalibratedMessage
 * @typedef {{type: "avatar", avatar: string, reply_to?: string}} AvatarMessage
 * @typedef {{type: "drive", drive: Drive, reply_to?: string}} DriveMessage
 * @typedef {{type: "caption", speaker: "you" | "avatar", text: string, turn: number, seconds: number,
 *   unspoken: string}} CaptionMessage
 * @typedef {{type: "interrupted", turn: number, heard_ms: number}} InterruptedMessage
 * @typedef {{type: "answered", turn: number, stage_ms: Record<string, number>}} AnsweredMessage
 * @typedef {{type: "pong", t: number}} PongMessage
 * @typedef {{type: "error", code: string, detail: string, reply_to?: string}} ErrorMessage
 * @typedef {{type: "trace", frames: [number, number][]}} TraceMessage
 * @typedef {{type: "bye", reason: string, detail: string}} ByeMessage
 * @typedef {Hello | ServerStats | FaceMessage | CalibratedMessage | AvatarMessage | DriveMessage | CaptionMessage
 *   | InterruptedMessage | AnsweredMessage | PongMessage | ErrorMessage | TraceMessage | ByeMessage} ServerMessage
 *
 * @typedef {{type: "calibrate"} | {type: "set_avatar", avatar: string} | {type: "set_drive", drive: Drive}
 *   | {type: "trace", enabled: boolean} | {type: "ping", t: number}} PageMessage
 */

const VERSION = 1;

/** @typedef {"string" | "number" | "number?" | "object" | "array" | "string?"} Kind */

/** What each message must hold; other fields are let through, so that a newer server can say more. */
const SCHEMA = /** @type {Readonly<Record<string, Record<string, Kind>>>} */ ({
  hello: { session: "string", avatar: "string?", drive: "string", width: "number", height: "number", fps: "number" },
  stats: {
    fps: "number",
    camera_fps: "number",
    latency_ms: "number?",
    stage_ms: "object",
    bitrate_bps: "number",
    width: "number",
    height: "number",
    dropped: "number",
    face: "string",
    av_offset_ms: "number?",
  },
  face: { state: "string" },
  calibrated: { reply_to: "string?" },
  avatar: { avatar: "string", reply_to: "string?" },
  drive: { drive: "string", reply_to: "string?" },
  caption: { speaker: "string", text: "string", turn: "number", seconds: "number", unspoken: "string" },
  interrupted: { turn: "number", heard_ms: "number" },
  answered: { turn: "number", stage_ms: "object" },
  pong: { t: "number" },
  error: { code: "string", detail: "string", reply_to: "string?" },
  trace: { frames: "array" },
  bye: { reason: "string", detail: "string" },
});

/**
 * @param {unknown} value
 * @param {Kind} kind
 */
function fits(value, kind) {
  switch (kind) {
    case "string":
      return typeof value === "string";
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "string?":
      return value === undefined || value === null || typeof value === "string";
    case "number?":
      return value === undefined || value === null || (typeof value === "number" && Number.isFinite(value));
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

/**
 * Read one message of the server.
 *
 * @param {unknown} data what the data channel delivered
 * @returns {ServerMessage | null} null for what is junk, of another version or of a type this page does not know
 */
export function parseMessage(data) {
  if (typeof data !== "string") return null;
  /** @type {any} */
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    return null;
  }
  if (!fits(message, "object") || message.v !== VERSION || typeof message.type !== "string") return null;
  const schema = Object.hasOwn(SCHEMA, message.type) ? SCHEMA[message.type] : undefined;
  if (!schema) return null;
  for (const [field, kind] of Object.entries(schema)) if (!fits(message[field], kind)) return null;
  return message;
}

/**
 * @param {PageMessage} message
 * @param {string} [id] echoed by the server as `reply_to`
 * @returns {string}
 */
export function formatMessage(message, id) {
  return JSON.stringify(id === undefined ? { v: VERSION, ...message } : { v: VERSION, id, ...message });
}

/** The server refused a control message; `code` is its word for why. */
export class ControlRefused extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   */
  constructor(code, detail) {
    super(detail);
    this.name = "ControlRefused";
    this.code = code;
    this.detail = detail;
  }
}

/** Questions on their way: which answer belongs to which, and which never came. */
export class Replies {
  #next = 1;
  /** @type {Map<string, {type: string, resolve: (message: ServerMessage) => void, reject: (error: Error) => void, timer: any}>} */
  #open = new Map();

  /**
   * @param {string} type of the message that answers
   * @param {number} timeoutMs
   * @returns {{id: string, reply: Promise<ServerMessage>}}
   */
  expect(type, timeoutMs) {
    const id = `q${this.#next++}`;
    /** @type {Promise<ServerMessage>} */
    const reply = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#open.delete(id);
        reject(new ControlRefused("no_reply", "The server did not answer in time."));
      }, timeoutMs);
      this.#open.set(id, { type, resolve, reject, timer });
    });
    return { id, reply };
  }

  /** @param {ServerMessage} message */
  settle(message) {
    const id = "reply_to" in message ? message.reply_to : undefined;
    for (const [key, open] of this.#open) {
      // A server may answer "calibrated" as an event with no reply_to: the oldest question of that kind takes it.
      const refused = message.type === "error" && id === key;
      const answered = message.type === open.type && (id === undefined || id === null || id === key);
      if (!refused && !answered) continue;
      clearTimeout(open.timer);
      this.#open.delete(key);
      if (message.type === "error") open.reject(new ControlRefused(message.code, message.detail));
      else open.resolve(message);
      return;
    }
  }

  /** Fail all that is open: the channel is gone. */
  clear() {
    for (const open of this.#open.values()) {
      clearTimeout(open.timer);
      open.reject(new ControlRefused("connection_lost", "The connection was lost."));
    }
    this.#open.clear();
  }
}
