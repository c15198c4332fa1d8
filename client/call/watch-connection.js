/**
 * Being sent somebody's picture and sound by WHEP, and again where the connection is lost, until that call has ended.
 *
 * @typedef {"connecting" | "live" | "lost" | "refused" | "ended"} WatchState
 * @typedef {{state: WatchState, code: string, detail: string}} WatchStatus detail of "state"; `code` and `detail` are
 *   the server's word and sentence for why, or ""
 */

import { ApiError } from "../protocol/http-api.js";
import { endCall, gatherCandidates, postOffer } from "../protocol/whip.js";
import { getIceServers } from "../protocol/whep.js";
import { retryDelayMs } from "./reconnect.js";

const ANSWER_TIMEOUT_MS = 15_000;
/** A connection that has lasted so long was a good one: the next is made soon. */
const GOOD_MS = 60_000;
/** Who waits for a call asks for it so often at least. */
const LONGEST_WAIT_MS = 5_000;

/** Events: "media" (CustomEvent<MediaStream>) and "state" (CustomEvent<WatchStatus>). */
export class WatchConnection extends EventTarget {
  #callUrl = "";
  #closed = false;
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;

  /**
   * @param {string} address of a WHEP endpoint on this server
   * @param {{transparent?: boolean, waits?: boolean}} [options] `transparent`: with the pictures' matte beside them;
   *   `waits`: where there is no such call (any more), one is waited for
   */
  constructor(address, { transparent = false, waits = false } = {}) {
    super();
    this.address = address;
    this.transparent = transparent;
    this.waits = waits;
  }

  start() {
    void this.#watchOn(0);
  }

  /** End it here and on the server. Safe to call twice, and while the page goes away. */
  close() {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  /** @param {number} failures attempts that have failed in a row */
  async #watchOn(failures) {
    const beganMs = performance.now();
    try {
      await this.#watch();
      this.#tell("lost");
    } catch (error) {
      if (error instanceof ApiError && error.code === "unknown_call") {
        this.#tell("ended");
        if (!this.waits) return;
      } else if (error instanceof ApiError) this.#tell("refused", error.code, error.detail);
      else this.#tell("refused");
    }
    if (this.#closed) return;
    const next = performance.now() - beganMs > GOOD_MS ? 0 : failures;
    const delayMs = Math.min(retryDelayMs(next, Math.random()), this.waits ? LONGEST_WAIT_MS : Infinity);
    this.#retryTimer = setTimeout(() => void this.#watchOn(next + 1), delayMs);
  }

  /** Watch until the connection is lost. */
  async #watch() {
    this.#tell("connecting");
    const iceServers = await getIceServers(this.address);
    if (this.#closed) return;
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers });
    this.#peer = peer;
    try {
      for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
      const stream = new MediaStream();
      peer.addEventListener("track", ({ track }) => stream.addTrack(track));
      this.#emit("media", stream);
      await peer.setLocalDescription();
      await gatherCandidates(peer);
      const sdp = peer.localDescription?.sdp ?? "";
      const address = this.transparent ? `${this.address}?background=transparent` : this.address;
      const { answer, callUrl } = await postOffer(address, sdp, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
      this.#callUrl = callUrl;
      if (this.#closed) return;
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
      await this.#lost(peer);
    } finally {
      this.#drop();
    }
  }

  /**
   * @param {RTCPeerConnection} peer
   * @returns {Promise<void>} resolved when it has come to its end
   */
  #lost(peer) {
    return new Promise((resolve) => {
      peer.addEventListener("connectionstatechange", () => {
        if (peer.connectionState === "connected") this.#tell("live");
        if (["failed", "closed", "disconnected"].includes(peer.connectionState)) resolve();
      });
      // The server's goodbye: without it, the last picture would stand until five seconds of silence have passed.
      const transport = peer.getReceivers()[0]?.transport;
      transport?.addEventListener("statechange", () => {
        if (transport.state === "closed") resolve();
      });
    });
  }

  #drop() {
    this.#peer?.close();
    this.#peer = null;
    if (this.#callUrl) void endCall(this.#callUrl);
    this.#callUrl = "";
  }

  /**
   * @param {WatchState} state
   * @param {string} [code]
   * @param {string} [detail]
   */
  #tell(state, code = "", detail = "") {
    this.#emit("state", { state, code, detail });
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    if (!this.#closed) this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
