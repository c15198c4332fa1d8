/** One connection of a call: an RTCPeerConnection from its offer to its end. A call that comes back makes a new one. */

import { Replies, formatMessage, parseMessage } from "./control.js";
import { ConnectError } from "./reconnect.js";
import { soundApart } from "./sdp.js";
import { endCall, gathered, postOffer, whipAddress } from "./whip.js";

/** @typedef {import("./control.js").ServerMessage} ServerMessage */

const CONNECT_MS = 15_000;
/** ICE calls a connection "disconnected" after seconds without an answer; it often heals by itself. */
const HEAL_MS = 4_000;

/** Events: "media" (CustomEvent<MediaStream>), "message" (CustomEvent<ServerMessage>), "lost" (once, after it was open). */
export class Line extends EventTarget {
  /** performance.now() of the server's last message. */
  heardMs = performance.now();

  #replies = new Replies();
  #abort = new AbortController();
  #open = false;
  #closed = false;
  #resource = "";
  #answer = "";
  #remote = new MediaStream();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #healing;

  /**
   * @param {{camera: MediaStreamTrack | null, microphone: MediaStreamTrack | null}} media
   * @param {readonly RTCIceServer[]} iceServers
   * @param {import("./call.js").CallWish} wish
   * @param {boolean} listening the sound that comes back is played, so the picture has to keep step with it
   */
  constructor(media, iceServers, wish, listening) {
    super();
    this.wish = wish;
    this.listening = listening;
    this.peer = new RTCPeerConnection({ iceServers: [...iceServers], bundlePolicy: "max-bundle" });
    // Both directions even without a device: a camera turned on later then needs no new offer. Until it is, nothing
    // is sent and the server lets the face idle.
    this.video = this.peer.addTransceiver(media.camera ?? "video", { direction: "sendrecv" });
    this.audio = this.peer.addTransceiver(media.microphone ?? "audio", { direction: "sendrecv" });
    this.channel = this.peer.createDataChannel("avatar", { ordered: true });
    this.channel.addEventListener("message", (event) => this.#hear(event.data));
    this.channel.addEventListener("close", () => this.#lose());
    this.peer.addEventListener("track", (event) => this.#receive(event.track));
    this.peer.addEventListener("connectionstatechange", () => this.#watch());
  }

  /** Make the connection; resolves when media can flow. Throws ApiError or ConnectError. */
  async open() {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await gathered(this.peer);
    if (this.#closed) throw new ConnectError();
    const sdp = this.peer.localDescription?.sdp ?? "";
    const { answer, resource } = await postOffer(whipAddress(this.wish), sdp, this.#abort.signal);
    this.#resource = resource;
    if (this.#closed) {
      void endCall(resource); // Left while the answer was on its way.
      throw new ConnectError();
    }
    this.#answer = answer;
    await this.#takeAnswer();
    await this.#connected();
    await this.#preferMotion();
    this.#open = true;
    this.heardMs = performance.now();
  }

  /**
   * Send these tracks from now on; null sends nothing of that kind.
   *
   * @param {MediaStreamTrack | null} camera
   * @param {MediaStreamTrack | null} microphone
   */
  send(camera, microphone) {
    if (this.#closed) return;
    if (this.video.sender.track !== camera) void this.video.sender.replaceTrack(camera);
    if (this.audio.sender.track !== microphone) void this.audio.sender.replaceTrack(microphone);
  }

  /**
   * Keep picture and sound in step (or stop doing so), without asking the server: the same answer, read anew.
   *
   * @param {boolean} listening
   */
  async listen(listening) {
    if (this.listening === listening) return;
    this.listening = listening;
    if (this.#closed || !this.#answer) return;
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await this.#takeAnswer();
  }

  /**
   * @param {import("./control.js").PageMessage} message
   * @param {string} answer
   * @param {number} timeoutMs
   * @returns {Promise<ServerMessage>}
   */
  ask(message, answer, timeoutMs) {
    if (this.channel.readyState !== "open") return Promise.reject(new ConnectError());
    const { id, reply } = this.#replies.expect(answer, timeoutMs);
    this.channel.send(formatMessage(message, id));
    return reply;
  }

  /** End this connection here and on the server. Safe to call twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#healing);
    this.#abort.abort();
    this.#replies.clear();
    this.peer.close();
    if (this.#resource) void endCall(this.#resource);
  }

  #takeAnswer() {
    const sdp = this.listening ? this.#answer : soundApart(this.#answer);
    return this.peer.setRemoteDescription({ type: "answer", sdp });
  }

  /** @param {MediaStreamTrack} track */
  #receive(track) {
    this.#remote.addTrack(track);
    this.dispatchEvent(new CustomEvent("media", { detail: this.#remote }));
  }

  /** @param {unknown} data */
  #hear(data) {
    const message = parseMessage(data);
    if (!message || this.#closed) return;
    this.heardMs = performance.now();
    this.#replies.settle(message);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #watch() {
    clearTimeout(this.#healing);
    const state = this.peer.connectionState;
    if (state === "failed" || state === "closed") this.#lose();
    if (state === "disconnected") this.#healing = setTimeout(() => this.#lose(), HEAL_MS);
  }

  #lose() {
    if (this.#closed || !this.#open) return;
    this.#open = false;
    this.dispatchEvent(new Event("lost"));
  }

  /** @returns {Promise<void>} */
  #connected() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(new ConnectError()), CONNECT_MS);
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

  /** Under load fewer pixels are better than fewer frames: a face is tracked well at half the size, not at half the rate. */
  async #preferMotion() {
    const parameters = this.video.sender.getParameters();
    try {
      await this.video.sender.setParameters({ ...parameters, degradationPreference: "maintain-framerate" });
    } catch {
      // Firefox and Safari refuse the wish; their default serves.
    }
  }
}
