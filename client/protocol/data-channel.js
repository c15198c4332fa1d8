/**
 * The messages of a call's data channel, as docs/protocol.md describes them: JSON text, one object a message, `"v": 1`.
 * No other module of the page reads or writes that text.
 *
 * @typedef {"camera" | "voice" | "both" | "conversation"} Drive what moves the avatar
 *
 * @typedef {object} Hello
 * @property {"hello"} type
 * @property {string} session
 * @property {string | null} avatar null in a call that only echoes
 * @property {Drive} drive what moves the avatar as the call begins
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {string} [watch] the token of the call's watch link
 * @property {string} [background] what is behind the avatar as the call begins: keep, blur, transparent, picture, #rrggbb
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
 * @property {PictureQuality | null} [quality] left out, or level 0, at full quality
 * @property {string | null} [tier] what draws since the GPU's memory was full; none: what was asked for
 *
 * @typedef {object} RoomMember somebody in a room
 * @property {string} member what this one is known by, as long as their call lasts
 * @property {string} name what they call themselves; may be empty
 * @property {boolean} microphone it is on
 * @property {boolean} camera it is on
 * @property {boolean} speaking
 * @property {string | null} [whep] where this one can be seen and heard; none for the user
 *
 * @typedef {{level: number, why: string}} PictureQuality steps below full quality, and what there is too little of
 *
 * @typedef {{type: "face", state: "tracked" | "lost"}} FaceMessage
 * @typedef {{type: "calibrated", reply_to?: string}} CalibratedMessage
 * @typedef {{type: "avatar", avatar: string, reply_to?: string}} AvatarMessage
 * @typedef {{type: "drive", drive: Drive, reply_to?: string}} DriveMessage
 * @typedef {{type: "background", background: string, reply_to?: string}} BackgroundMessage
 * @typedef {{type: "caption", speaker: "you" | "avatar", text: string, turn: number, seconds: number,
 *   unspoken: string}} CaptionMessage
 * @typedef {{type: "interrupted", turn: number, heard_ms: number}} InterruptedMessage
 * @typedef {{type: "answered", turn: number, stage_ms: Record<string, number>}} AnsweredMessage
 * @typedef {{type: "camera", width: number, height: number, fps: number, max_bitrate_bps: number}} CameraMessage
 * @typedef {{type: "pong", t: number}} PongMessage
 * @typedef {{type: "error", code: string, detail: string, reply_to?: string}} ErrorMessage
 * @typedef {{type: "trace", frames: [number, number][]}} TraceMessage
 * @typedef {{type: "recording", state: "on" | "off", detail: string}} RecordingMessage
 * @typedef {{type: "room", you: string, most: number, members: RoomMember[]}} RoomMessage
 * @typedef {{type: "bye", reason: string, detail: string}} ByeMessage
 * @typedef {Hello | ServerStats | FaceMessage | CalibratedMessage | AvatarMessage | DriveMessage | BackgroundMessage
 *   | CaptionMessage | InterruptedMessage | AnsweredMessage | CameraMessage | PongMessage | ErrorMessage | TraceMessage
 *   | RecordingMessage | RoomMessage | ByeMessage} ServerMessage
 *   what the server sends
 *
 * @typedef {{type: "calibrate"} | {type: "set_avatar", avatar: string} | {type: "set_drive", drive: Drive}
 *   | {type: "set_background", background: string} | {type: "cue", text: string} | {type: "sound", played: boolean}
 *   | {type: "devices", microphone: boolean, camera: boolean} | {type: "trace", enabled: boolean}
 *   | {type: "ping", t: number}} ClientMessage
 *   what the page sends
 * @typedef {Exclude<ClientMessage, {type: "cue"} | {type: "sound"} | {type: "devices"}>} Request what the server answers
 */

/** The label by which the server knows the channel. */
export const CHANNEL_LABEL = "avatar";
const VERSION = 1;

/** The type of the message that answers each request. A cue, `sound` and `devices` are not, unless by an error. */
const ANSWER_TYPES = /** @type {const} */ ({
  calibrate: "calibrated",
  set_avatar: "avatar",
  set_drive: "drive",
  set_background: "background",
  trace: "trace",
  ping: "pong",
});

/** @typedef {"string" | "number" | "number?" | "object" | "object?" | "array" | "string?"} FieldType */

/** What each message must hold; other fields are let through, so that a newer server can say more. */
const SCHEMA = /** @type {Readonly<Record<string, Record<string, FieldType>>>} */ ({
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
    quality: "object?",
    tier: "string?",
  },
  face: { state: "string" },
  calibrated: { reply_to: "string?" },
  avatar: { avatar: "string", reply_to: "string?" },
  drive: { drive: "string", reply_to: "string?" },
  background: { background: "string", reply_to: "string?" },
  caption: { speaker: "string", text: "string", turn: "number", seconds: "number", unspoken: "string" },
  interrupted: { turn: "number", heard_ms: "number" },
  answered: { turn: "number", stage_ms: "object" },
  camera: { width: "number", height: "number", fps: "number", max_bitrate_bps: "number" },
  pong: { t: "number" },
  error: { code: "string", detail: "string", reply_to: "string?" },
  trace: { frames: "array" },
  recording: { state: "string", detail: "string" },
  room: { you: "string", most: "number", members: "array" },
  bye: { reason: "string", detail: "string" },
});

/**
 * @param {unknown} value
 * @param {FieldType} type
 * @returns {boolean}
 */
function hasType(value, type) {
  switch (type) {
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
    case "object?":
      return value === undefined || value === null || hasType(value, "object");
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

/**
 * Decode one message of the server.
 *
 * @param {unknown} data what the data channel delivered
 * @returns {ServerMessage | null} null for what is malformed, of another version or of a type this page does not know
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
  if (!hasType(message, "object") || message.v !== VERSION || typeof message.type !== "string") return null;
  const schema = Object.hasOwn(SCHEMA, message.type) ? SCHEMA[message.type] : undefined;
  if (!schema) return null;
  for (const [field, type] of Object.entries(schema)) if (!hasType(message[field], type)) return null;
  return message;
}

/**
 * Encode one message to the server.
 *
 * @param {ClientMessage} message
 * @param {string} [id] echoed by the server as `reply_to`
 * @returns {string}
 */
export function formatMessage(message, id) {
  return JSON.stringify(id === undefined ? { v: VERSION, ...message } : { v: VERSION, id, ...message });
}

/**
 * The type of the message that answers a request.
 *
 * @param {Request} request
 * @returns {ServerMessage["type"]}
 */
export function answerType(request) {
  return ANSWER_TYPES[request.type];
}
