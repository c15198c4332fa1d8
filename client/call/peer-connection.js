/** One connection of a call: an RTCPeerConnection from its offer to its end. A call that reconnects makes a new one. */

import { senderEncoding } from "../protocol/camera-limits.js";
import { CHANNEL_LABEL, answerType, formatMessage, parseMessage } from "../protocol/data-channel.js";
import { PendingRequests } from "../protocol/pending-requests.js";
import { endCall, gatherCandidates, isCallGone, postOffer, whipAddress } from "../protocol/whip.js";
import { ConnectError } from "./reconnect.js";
import { separateAudioStream } from "./sdp.js";

/** @typedef {import("../protocol/data-channel.js").ServerMessage} ServerMessage */

const CONFIGURATION = { bundlePolicy: /** @type {const} */ ("max-bundle") };
const CONNECT_TIMEOUT_MS = 15_000;
/** ICE calls a connection "disconnected" after seconds without an answer; it often recovers by itself. */
const RECOVERY_MS = 4_000;
/**
 * Let the encoder drop pixels rather than frames under load: a face is tracked well at half the size, not at half the
 * rate. Firefox and Safari refuse this preference; their default will do.
 */
const PREFERENCES = [{ degradationPreference: /** @type {const} */ ("maintain-framerate") }, {}];

/** Events: "media" (CustomEvent<MediaStream>), "message" (CustomEvent<ServerMessage>), "lost" (once, after opening). */
export class PeerConnection extends EventTarget {
  /** performance.now() of the server's last message. */
  lastMessageMs = performance.now();
  /** When what it plays last went on. */
  #packetMs = -Infinity;
  #askedMs = -Infinity;
  #played = 0;

  #pending = new PendingRequests();
  #abort = new AbortController();
  #open = false;
  #closed = false;
  #callUrl = "";
  #answer = "";
  #remote = new MediaStream();
  /** @type {Promise<void>} */
  #tuned = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #recoveryTimer;

  /**
   * @param {{camera: MediaStreamTrack | null, microphone: MediaStreamTrack | null}} media
   * @param {() => Promise<readonly RTCIceServer[]>} getIceServers
   * @param {import("./call.js").CallSettings} settings
   * @param {boolean} audible the returned sound is played, so the picture has to stay synchronous with it
   */
  constructor(media, getIceServers, settings, audible) {
    super();
    this.getIceServers = getIceServers;
    this.settings = settings;
    this.audible = audible;
    this.peer = new RTCPeerConnection(CONFIGURATION);
    // Both directions even without a device: a camera turned on later then needs no new offer. Until it is, nothing
    // is sent and the server lets the face idle.
    const direction = settings.receiveOnly ? "recvonly" : "sendrecv";
    this.video = this.peer.addTransceiver(media.camera ?? "video", { direction });
    this.audio = this.peer.addTransceiver(media.microphone ?? "audio", { direction });
    showNewest(this.video.receiver);
    this.channel = this.peer.createDataChannel(CHANNEL_LABEL, { ordered: true });
    this.channel.addEventListener("open", () => this.#tellSound());
    this.channel.addEventListener("message", (event) => this.#onData(event.data));
    this.channel.addEventListener("close", () => this.#onLost());
    this.peer.addEventListener("track", (event) => this.#onTrack(event.track));
    this.peer.addEventListener("connectionstatechange", () => this.#onConnectionState());
  }

  /** Make the connection; resolves when media can flow. Throws ApiError or ConnectError. */
  async open() {
    const iceServers = [...(await this.getIceServers())];
    if (this.#closed) throw new ConnectError();
    this.peer.setConfiguration({ ...CONFIGURATION, iceServers });
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await gatherCandidates(this.peer);
    if (this.#closed) throw new ConnectError();
    const sdp = this.peer.localDescription?.sdp ?? "";
    const { answer, callUrl } = await postOffer(whipAddress(this.settings), sdp, this.#abort.signal);
    this.#callUrl = callUrl;
    if (this.#closed) {
      void endCall(callUrl); // Left while the answer was on its way.
      throw new ConnectError();
    }
    this.#answer = answer;
    await this.#applyAnswer();
    await this.#waitUntilConnected();
    await this.#tuneSender({});
    this.#open = true;
    this.lastMessageMs = performance.now();
  }

  /**
   * Send these tracks from now on; null sends nothing of that kind.
   *
   * @param {MediaStreamTrack | null} camera
   * @param {MediaStreamTrack | null} microphone
   */
  sendTracks(camera, microphone) {
    if (this.#closed) return;
    if (this.video.sender.track !== camera) void this.video.sender.replaceTrack(camera);
    if (this.audio.sender.track !== microphone) void this.audio.sender.replaceTrack(microphone);
  }

  /**
   * Send no more of the camera than this. What the browser does not take, it does not do.
   *
   * @param {import("../protocol/camera-limits.js").CameraLimits} limits
   * @param {MediaTrackSettings} size of the camera's picture now
   */
  async limitCamera(limits, size) {
    await this.#tuneSender(senderEncoding(limits, size));
  }

  /**
   * Synchronise the picture with the sound, or stop doing so: the same answer is applied again, and the server is told.
   *
   * @param {boolean} audible whether the returned sound is played
   */
  async setAudible(audible) {
    if (this.audible === audible) return;
    this.audible = audible;
    if (this.#closed || !this.#answer) return;
    this.#tellSound();
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await this.#applyAnswer();
  }

  /**
   * Send a message that is not answered.
   *
   * @param {import("../protocol/data-channel.js").ClientMessage} message
   * @returns {boolean} whether the channel is open, so that it could be sent
   */
  send(message) {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(formatMessage(message));
    return true;
  }

  /**
   * Send a message and wait for its answer.
   *
   * @param {import("../protocol/data-channel.js").Request} message
   * @param {number} timeoutMs
   * @returns {Promise<ServerMessage>}
   * @throws {ConnectError | RequestRefused} not connected; refused, or not answered in time
   */
  request(message, timeoutMs) {
    if (this.channel.readyState !== "open") return Promise.reject(new ConnectError());
    const { id, reply } = this.#pending.add(answerType(message), timeoutMs);
    this.channel.send(formatMessage(message, id));
    return reply;
  }

  /** What has been heard, and when. To be asked for a few times a second. */
  signs() {
    const sources = [this.video, this.audio].flatMap(({ receiver }) => receiver.getSynchronizationSources());
    const played = Math.max(0, ...sources.map(({ timestamp }) => timestamp));
    if (played !== this.#played) {
      this.#played = played;
      this.#packetMs = performance.now();
    }
    return { packetMs: this.#packetMs, messageMs: this.lastMessageMs, askedMs: this.#askedMs };
  }

  /** Ask the server; true when it says that the call is not there any more. */
  async isGone() {
    this.#askedMs = performance.now();
    return (await isCallGone(this.#callUrl)) && !this.#closed;
  }

  /** End this connection here and on the server. Safe to call twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#recoveryTimer);
    this.#abort.abort();
    this.#pending.rejectAll();
    this.peer.close();
    if (this.#callUrl) void endCall(this.#callUrl);
  }

  /** Sound that is not played is not worth waiting for: pictures are then shown as they come. */
  #tellSound() {
    this.send({ type: "sound", played: this.audible });
  }

  #applyAnswer() {
    const sdp = this.audible ? this.#answer : separateAudioStream(this.#answer);
    return this.peer.setRemoteDescription({ type: "answer", sdp });
  }

  /** @param {MediaStreamTrack} track */
  #onTrack(track) {
    this.#remote.addTrack(track);
    this.dispatchEvent(new CustomEvent("media", { detail: this.#remote }));
  }

  /** @param {unknown} data */
  #onData(data) {
    const message = parseMessage(data);
    if (!message || this.#closed) return;
    this.lastMessageMs = performance.now();
    this.#pending.settle(message);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #onConnectionState() {
    clearTimeout(this.#recoveryTimer);
    const state = this.peer.connectionState;
    if (state === "failed" || state === "closed") this.#onLost();
    if (state === "disconnected") this.#recoveryTimer = setTimeout(() => this.#onLost(), RECOVERY_MS);
  }

  #onLost() {
    if (this.#closed || !this.#open) return;
    this.#open = false;
    this.dispatchEvent(new Event("lost"));
  }

  /** @returns {Promise<void>} */
  #waitUntilConnected() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(new ConnectError()), CONNECT_TIMEOUT_MS);
      /** @param {ConnectError | null} error */
      const finish = (error) => {
        clearTimeout(timer);
        this.peer.removeEventListener("connectionstatechange", check);
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        const state = this.peer.connectionState;
        if (state === "connected") finish(null);
        if (state === "failed" || state === "closed") finish(new ConnectError());
      };
      this.peer.addEventListener("connectionstatechange", check);
      check();
    });
  }

  /**
   * Change how the camera is encoded. One change after the other: a browser refuses parameters that it has not given out
   * last.
   *
   * @param {RTCRtpEncodingParameters} encoding what changes
   */
  #tuneSender(encoding) {
    this.#tuned = this.#tuned.then(async () => {
      for (const preference of PREFERENCES) {
        if (this.#closed) return;
        const parameters = this.video.sender.getParameters();
        const encodings = parameters.encodings.map((now) => ({ ...now, ...encoding }));
        try {
          return await this.video.sender.setParameters({ ...parameters, ...preference, encodings });
        } catch {
          // Refused, or the connection is being closed.
        }
      }
    });
    return this.#tuned;
  }
}

/**
 * Show each picture as soon as it can be decoded: the newest one is worth more than a steady one.
 *
 * @param {RTCRtpReceiver} receiver
 */
function showNewest(receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
}
