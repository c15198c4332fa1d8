/**
 * One call: connecting, media both ways, messages, and reconnecting by itself when the connection breaks.
 *
 * @typedef {"idle" | "connecting" | "live" | "reconnecting" | "waiting" | "ended"} CallState
 *
 * @typedef {object} CallStatus detail of the "state" event
 * @property {CallState} state
 * @property {string} code of views/texts; "" when there is nothing to explain
 * @property {string} detail the server's own sentence, or ""
 * @property {number} retryAtMs performance.now() of the next attempt; 0 when none is planned
 *
 * @typedef {object} CallSettings what is asked of the server; a reconnecting call asks for the same
 * @property {string} avatar id
 * @property {import("../protocol/data-channel.js").Drive} drive what moves the avatar
 * @property {string | null} [mode] "avatar" or, to measure the transport, "echo"
 * @property {number | null} [width] of the picture, in pixels; the server's own size when left out
 * @property {number | null} [height]
 * @property {string | null} [room] id of the room to be in
 * @property {string | null} [name] what the others in it see
 * @property {string | null} [background] what is behind the avatar; the server's own when left out
 * @property {boolean} [receiveOnly] nothing is ever sent: the server then waits for neither camera nor microphone
 */

import { cameraLimits } from "../protocol/camera-limits.js";
import { ApiError } from "../protocol/http-api.js";
import { PeerConnection } from "./peer-connection.js";
import { isSilent, lostCallDelayMs, nextStep, retryDelayMs, shouldAsk } from "./reconnect.js";

/** @typedef {import("../protocol/data-channel.js").ServerMessage} ServerMessage */

const SILENCE_CHECK_MS = 150;
/** Reasons of a `bye` after which the call reconnects: the server restarts, or has lost the connection. */
const RECONNECT_REASONS = new Set(["server_stopping", "connection_lost", "never_connected"]);

/**
 * Events: "state" (CustomEvent<CallStatus>), "message" (CustomEvent<ServerMessage>) and "media"
 * (CustomEvent<MediaStream>).
 */
export class Call extends EventTarget {
  /** @type {CallStatus} */
  status = { state: "idle", code: "", detail: "", retryAtMs: 0 };

  /** @type {PeerConnection | null} */
  #connection = null;
  #failures = 0;
  #audible = false;
  #wasLive = false;
  /** @type {import("../protocol/camera-limits.js").CameraLimits | null} what the server last asked of the camera */
  #cameraLimits = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #silenceTimer;

  /**
   * @param {import("../media/local-media.js").LocalMedia} media
   * @param {() => Promise<readonly RTCIceServer[]>} getIceServers of a connection that is made now
   * @param {CallSettings} settings
   */
  constructor(media, getIceServers, settings) {
    super();
    this.media = media;
    this.getIceServers = getIceServers;
    this.settings = { ...settings };
    this.onMediaChange = () => {
      this.#connection?.sendTracks(media.camera, media.microphone);
      void this.#limitSender();
    };
    this.onOnline = () => this.retryNow();
  }

  /** @returns {RTCPeerConnection | null} */
  get peer() {
    return this.#connection?.peer ?? null;
  }

  /** Join. "state" events report the progress. */
  start() {
    if (this.status.state !== "idle") return;
    this.media.addEventListener("change", this.onMediaChange);
    addEventListener("online", this.onOnline);
    this.#silenceTimer = setInterval(() => this.#checkSilence(), SILENCE_CHECK_MS);
    this.#set("connecting");
    void this.#connect();
  }

  /**
   * Send a message that the server does not answer.
   *
   * @param {import("../protocol/data-channel.js").ClientMessage} message
   * @returns {boolean} whether the call is connected, so that it could be sent
   */
  send(message) {
    return this.#connection?.send(message) ?? false;
  }

  /**
   * Send a message to the server and wait for its answer.
   *
   * @param {import("../protocol/data-channel.js").Request} message
   * @param {number} [timeoutMs]
   * @returns {Promise<ServerMessage>} rejected with RequestRefused when the server refuses or does not answer
   */
  request(message, timeoutMs = 5000) {
    if (!this.#connection) return Promise.reject(new Error("Not connected."));
    return this.#connection.request(message, timeoutMs);
  }

  /**
   * Say whether the returned sound is played; only then does the picture wait for it.
   *
   * @param {boolean} audible
   */
  async setAudible(audible) {
    this.#audible = audible;
    await this.#connection?.setAudible(audible);
  }

  /** Make the next planned attempt now. */
  retryNow() {
    if (this.status.state !== "reconnecting" && this.status.state !== "waiting") return;
    if (this.status.retryAtMs === 0) return;
    clearTimeout(this.#retryTimer);
    void this.#connect();
  }

  /** Leave. Safe to call twice, and while the page goes away. */
  leave() {
    this.#finish("ended_left", "");
  }

  async #connect() {
    const connection = new PeerConnection(this.media, this.getIceServers, this.settings, this.#audible);
    this.#connection = connection;
    if (this.#wasLive || this.#failures > 0) this.#set("reconnecting", this.status.code || "connection_lost");
    connection.addEventListener("media", (event) => this.#emit("media", /** @type {CustomEvent} */ (event).detail));
    connection.addEventListener("message", (event) => {
      this.#onMessage(connection, /** @type {CustomEvent} */ (event).detail);
    });
    connection.addEventListener("lost", () => this.#onLost(connection));
    try {
      await connection.open();
    } catch (error) {
      if (this.#connection === connection) this.#onConnectFailed(error);
      return;
    }
    if (this.#connection !== connection) return;
    this.#failures = 0;
    this.#wasLive = true;
    this.#set("live");
    void this.#limitSender();
  }

  /**
   * @param {PeerConnection} connection
   * @param {ServerMessage} message
   */
  #onMessage(connection, message) {
    if (this.#connection !== connection) return;
    if (message.type === "bye") {
      if (RECONNECT_REASONS.has(message.reason)) this.#onLost(connection);
      else this.#finish(`bye:${message.reason}`, message.detail);
      return;
    }
    if (message.type === "avatar") this.settings.avatar = message.avatar;
    if (message.type === "camera") void this.#limitCamera(cameraLimits(message));
    this.#emit("message", message);
  }

  /** @param {import("../protocol/camera-limits.js").CameraLimits} limits */
  async #limitCamera(limits) {
    this.#cameraLimits = limits;
    await this.media.limitCamera(limits);
    await this.#limitSender();
  }

  /** Where the camera or the connection is another one than before, it has to be told too. */
  async #limitSender() {
    const { camera } = this.media;
    if (this.#cameraLimits && camera) await this.#connection?.limitCamera(this.#cameraLimits, camera.getSettings());
  }

  /**
   * @param {PeerConnection} connection
   * @param {number} [delayMs] before it is made again
   */
  #onLost(connection, delayMs = retryDelayMs(this.#failures, Math.random())) {
    if (this.#connection !== connection || this.status.state === "ended") return;
    connection.close();
    this.#connection = null;
    this.#failures++;
    this.#retryIn(delayMs, "reconnecting", "connection_lost");
  }

  /** @param {unknown} error */
  #onConnectFailed(error) {
    this.#connection?.close();
    this.#connection = null;
    if (error instanceof ApiError && error.code === "unknown_background") {
      // A server that was started anew knows no pictures: the call is worth more, and asks for it again later.
      this.settings.background = null;
      return this.#retryIn(0, "reconnecting", "connection_lost");
    }
    const step = nextStep(error);
    if (step.kind === "give_up") this.#finish(step.code, step.detail);
    else if (step.kind === "wait") this.#retryIn(step.seconds * 1000, "waiting", step.code);
    else {
      const code = this.#wasLive && step.code === "server_unreachable" ? "connection_lost" : step.code;
      const away = step.code === "server_unreachable";
      this.#retryIn(retryDelayMs(this.#failures++, Math.random(), away), "reconnecting", code);
    }
  }

  /**
   * @param {number} delayMs
   * @param {CallState} state
   * @param {string} code
   */
  #retryIn(delayMs, state, code) {
    this.#set(state, code, "", performance.now() + delayMs);
    this.#retryTimer = setTimeout(() => void this.#connect(), delayMs);
  }

  #checkSilence() {
    const connection = this.#connection;
    if (this.status.state !== "live" || !connection) return;
    if (isSilent(connection.lastMessageMs, performance.now())) this.#onLost(connection);
    else if (shouldAsk(connection.signs(), performance.now())) void this.#ask(connection);
  }

  /** @param {PeerConnection} connection */
  async #ask(connection) {
    if (await connection.isGone()) this.#onLost(connection, lostCallDelayMs(Math.random()));
  }

  /**
   * @param {string} code
   * @param {string} detail
   */
  #finish(code, detail) {
    if (this.status.state === "ended") return;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#silenceTimer);
    removeEventListener("online", this.onOnline);
    this.media.removeEventListener("change", this.onMediaChange);
    void this.media.limitCamera(null);
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    this.#set("ended", code, detail);
  }

  /**
   * @param {CallState} state
   * @param {string} [code]
   * @param {string} [detail]
   * @param {number} [retryAtMs]
   */
  #set(state, code = "", detail = "", retryAtMs = 0) {
    this.status = { state, code, detail, retryAtMs };
    this.#emit("state", this.status);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
