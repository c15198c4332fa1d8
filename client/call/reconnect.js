/** When to connect again, and when to give up: pure rules of failures and clock. */

import { ApiError } from "../protocol/http-api.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
/** A server that is not there costs nothing to ask, and may be back any moment. */
const LONGEST_AWAY_MS = 2_000;
const SILENCE_LIMIT_MS = 6_000;
/** Pictures and sound come many times a second: a server that sends neither for so long may be gone. */
const PACKET_SILENCE_MS = 450;
/** Its messages come once a second. */
const MESSAGE_SILENCE_MS = 1_500;
const ASK_AGAIN_MS = 1_000;
/** Those whose server has gone come back within so long of each other. */
const LOST_CALL_SPREAD_MS = 200;
const DEFAULT_FULL_WAIT_S = 10;

/**
 * Wait before the next attempt: doubles from half a second to ten, or to two while nobody answers at all; spread by
 * +-25 % so that the pages of a server that restarts do not reconnect all at once.
 *
 * @param {number} failures attempts that have failed in a row, 0 for none
 * @param {number} random 0..1
 * @param {boolean} [away] nobody is at the server's address
 * @returns {number} milliseconds
 */
export function retryDelayMs(failures, random, away = false) {
  const delay = Math.min(away ? LONGEST_AWAY_MS : LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return Math.round(delay * (0.75 + 0.5 * random));
}

/**
 * @typedef {{kind: "retry", code: string}} Retry
 * @typedef {{kind: "wait", code: string, seconds: number}} Wait
 * @typedef {{kind: "give_up", code: string, detail: string}} GiveUp
 */

/**
 * What to do about an attempt that failed.
 *
 * @param {unknown} error
 * @returns {Retry | Wait | GiveUp}
 */
export function nextStep(error) {
  if (error instanceof ApiError) {
    const busy = error.status === 503 || error.status === 429;
    if (busy && (error.code === "server_full" || error.retryAfterS !== null)) {
      const seconds = Math.min(120, Math.max(1, Math.ceil(error.retryAfterS ?? DEFAULT_FULL_WAIT_S)));
      return { kind: "wait", code: error.code === "error" ? "server_full" : error.code, seconds };
    }
    if (error.status === 0) return { kind: "retry", code: "server_unreachable" };
    if (error.code === "model_missing") return { kind: "give_up", code: error.code, detail: error.detail };
    if (error.status >= 500 || error.status === 429) return { kind: "retry", code: error.code };
    return { kind: "give_up", code: error.code, detail: error.detail };
  }
  if (error instanceof ConnectError) return { kind: "retry", code: "media_blocked" };
  return { kind: "give_up", code: "error", detail: error instanceof Error ? error.message : String(error) };
}

/**
 * True when a server, which sends statistics every second, has been silent for so long that the call counts as lost.
 *
 * @param {number} lastMessageMs
 * @param {number} nowMs
 */
export function isSilent(lastMessageMs, nowMs) {
  return nowMs - lastMessageMs > SILENCE_LIMIT_MS;
}

/**
 * Wait before the first attempt where the server itself says that the call is not there any more: hardly at all.
 *
 * @param {number} random 0..1
 * @returns {number} milliseconds
 */
export function lostCallDelayMs(random) {
  return Math.round(LOST_CALL_SPREAD_MS * random);
}

/**
 * What a connection has heard, and when: performance.now(), -Infinity for never.
 *
 * @typedef {object} Signs
 * @property {number} packetMs the last change of what its pictures and sound play
 * @property {number} messageMs the last message of the server
 * @property {number} askedMs the server was last asked whether the call goes on
 */

/**
 * True when it is time to ask the server, by HTTP, whether the call goes on: a server that died does not say goodbye. A
 * page that is not looked at plays nothing, so media that have stopped are a reason once; messages that have, again and
 * again.
 *
 * @param {Signs} signs
 * @param {number} nowMs
 */
export function shouldAsk({ packetMs, messageMs, askedMs }, nowMs) {
  if (nowMs - packetMs > PACKET_SILENCE_MS && packetMs > askedMs) return true;
  return nowMs - messageMs > MESSAGE_SILENCE_MS && nowMs - askedMs > ASK_AGAIN_MS;
}

/** The offer was answered, but no media connection came about. */
export class ConnectError extends Error {
  constructor() {
    super("No media connection came about.");
    this.name = "ConnectError";
  }
}
