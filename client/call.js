/**
 * One call: offer, answer, media both ways, the data channel, and coming back by itself when the line breaks.
 *
 * @typedef {"idle" | "connecting" | "live" | "reconnecting" | "waiting" | "ended"} CallState
 *
 * @typedef {object} CallStatus what the "state" event tells
 * @property {CallState} state
 * @property {string} code of messages.js; "" when there is nothing to explain
 * @property {string} detail the server's own sentence, or ""
 * @property {number} retryAtMs performance.now() of the next try; 0 when none is planned
 *
 * @typedef {object} CallWish
 * @property {string} avatar id
 * @property {import("./drive.js").Drive} drive what moves the avatar
 * @property {string | null} [mode] "avatar" or, to measure the transport, "echo"
 * @property {number | null} [width] of the picture, in pixels; the server's own size when left out
 * @property {number | null} [height]
 */

import { decide, isSilent, retryDelayMs } from "./reconnect.js";
import { Line } from "./line.js";

/** @typedef {import("./control.js").ServerMessage} ServerMessage */

const WATCH_MS = 1000;
/** Goodbyes after which the same call is wanted again: the server restarts, or has lost us. */
const COMES_BACK = new Set(["server_stopping", "connection_lost", "never_connected"]);

/**
 * Events: "state" (CustomEvent<CallStatus>), "message" (CustomEvent<ServerMessage>), "media" (CustomEvent<MediaStream>).
 */
export class Call extends EventTarget {
  /** @type {CallStatus} */
  status = { state: "idle", code: "", detail: "", retryAtMs: 0 };

  /** @type {Line | null} */
  #line = null;
  #failures = 0;
  #listening = false;
  #wasLive = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;

  /**
   * @param {import("./local-media.js").LocalMedia} media
   * @param {readonly RTCIceServer[]} iceServers
   * @param {CallWish} wish
   */
  constructor(media, iceServers, wish) {
    super();
    this.media = media;
    this.iceServers = iceServers;
    this.wish = { ...wish };
    this.onMediaChange = () => this.#line?.send(media.camera, media.microphone);
    this.onOnline = () => this.retryNow();
  }

  /** @returns {RTCPeerConnection | null} */
  get peer() {
    return this.#line?.peer ?? null;
  }

  /** Join. Progress is told by "state" events. */
  start() {
    if (this.status.state !== "idle") return;
    this.media.addEventListener("change", this.onMediaChange);
    addEventListener("online", this.onOnline);
    this.#watch = setInterval(() => this.#checkSilence(), WATCH_MS);
    this.#set("connecting");
    void this.#connect();
  }

  /**
   * Ask the server for something.
   *
   * @param {import("./control.js").PageMessage} message
   * @param {string} answer type of the message that answers
   * @param {number} [timeoutMs]
   * @returns {Promise<ServerMessage>}
   */
  ask(message, answer, timeoutMs = 5000) {
    if (!this.#line) return Promise.reject(new Error("Not connected."));
    return this.#line.ask(message, answer, timeoutMs);
  }

  /**
   * Whether the sound that comes back is played; only then does the picture wait for it.
   *
   * @param {boolean} on
   */
  async listen(on) {
    this.#listening = on;
    await this.#line?.listen(on);
  }

  /** Stop waiting for the next planned try and make it now. */
  retryNow() {
    if (this.status.state !== "reconnecting" && this.status.state !== "waiting") return;
    if (this.status.retryAtMs === 0) return;
    clearTimeout(this.#timer);
    void this.#connect();
  }

  /** Leave. Safe to call twice, and while the page goes away. */
  leave() {
    this.#finish("ended_left", "");
  }

  async #connect() {
    const line = new Line(this.media, this.iceServers, this.wish, this.#listening);
    this.#line = line;
    if (this.#wasLive || this.#failures > 0) this.#set("reconnecting", this.status.code || "connection_lost");
    line.addEventListener("media", (event) => this.#emit("media", /** @type {CustomEvent} */ (event).detail));
    line.addEventListener("message", (event) => this.#hear(line, /** @type {CustomEvent} */ (event).detail));
    line.addEventListener("lost", () => this.#lost(line));
    try {
      await line.open();
    } catch (error) {
      if (this.#line === line) this.#failed(error);
      return;
    }
    if (this.#line !== line) return;
    this.#failures = 0;
    this.#wasLive = true;
    this.#set("live");
  }

  /**
   * @param {Line} line
   * @param {ServerMessage} message
   */
  #hear(line, message) {
    if (this.#line !== line) return;
    if (message.type === "bye") {
      if (COMES_BACK.has(message.reason)) this.#lost(line);
      else this.#finish(`bye:${message.reason}`, message.detail);
      return;
    }
    if (message.type === "avatar") this.wish.avatar = message.avatar;
    this.#emit("message", message);
  }

  /** @param {Line} line */
  #lost(line) {
    if (this.#line !== line || this.status.state === "ended") return;
    line.close();
    this.#line = null;
    this.#retryIn(retryDelayMs(this.#failures++, Math.random()), "reconnecting", "connection_lost");
  }

  /** @param {unknown} error */
  #failed(error) {
    this.#line?.close();
    this.#line = null;
    const decision = decide(error);
    if (decision.kind === "give_up") this.#finish(decision.code, decision.detail);
    else if (decision.kind === "wait") this.#retryIn(decision.seconds * 1000, "waiting", decision.code);
    else {
      const code = this.#wasLive && decision.code === "server_unreachable" ? "connection_lost" : decision.code;
      this.#retryIn(retryDelayMs(this.#failures++, Math.random()), "reconnecting", code);
    }
  }

  /**
   * @param {number} delayMs
   * @param {CallState} state
   * @param {string} code
   */
  #retryIn(delayMs, state, code) {
    this.#set(state, code, "", performance.now() + delayMs);
    this.#timer = setTimeout(() => void this.#connect(), delayMs);
  }

  #checkSilence() {
    const line = this.#line;
    if (this.status.state === "live" && line && isSilent(line.heardMs, performance.now())) this.#lost(line);
  }

  /**
   * @param {string} code
   * @param {string} detail
   */
  #finish(code, detail) {
    if (this.status.state === "ended") return;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    removeEventListener("online", this.onOnline);
    this.media.removeEventListener("change", this.onMediaChange);
    const line = this.#line;
    this.#line = null;
    line?.close();
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
