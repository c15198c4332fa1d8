/** Requests over the data channel that wait for an answer: which answer belongs to which, and which never came. */

/** @typedef {import("./data-channel.js").ServerMessage} ServerMessage */

/** A request was refused or not answered; `code` is the server's word for why, `no_reply` or `connection_lost`. */
export class RequestRefused extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   */
  constructor(code, detail) {
    super(detail);
    this.name = "RequestRefused";
    this.code = code;
    this.detail = detail;
  }
}

/**
 * @typedef {object} PendingRequest
 * @property {string} type of the message that answers
 * @property {(message: ServerMessage) => void} resolve
 * @property {(error: RequestRefused) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

export class PendingRequests {
  #nextId = 1;
  /** @type {Map<string, PendingRequest>} */
  #pending = new Map();

  /**
   * Begin to wait for an answer.
   *
   * @param {string} type of the message that answers
   * @param {number} timeoutMs
   * @returns {{id: string, reply: Promise<ServerMessage>}}
   */
  add(type, timeoutMs) {
    const id = `q${this.#nextId++}`;
    /** @type {Promise<ServerMessage>} */
    const reply = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new RequestRefused("no_reply", "The server did not answer in time."));
      }, timeoutMs);
      this.#pending.set(id, { type, resolve, reject, timer });
    });
    return { id, reply };
  }

  /** Give a message to the request that it answers, if any. @param {ServerMessage} message */
  settle(message) {
    const id = "reply_to" in message ? message.reply_to : undefined;
    for (const [key, request] of this.#pending) {
      // A server may answer "calibrated" as an event with no reply_to: the oldest request of that kind takes it.
      const refused = message.type === "error" && id === key;
      const answered = message.type === request.type && (id === undefined || id === null || id === key);
      if (!refused && !answered) continue;
      clearTimeout(request.timer);
      this.#pending.delete(key);
      if (message.type === "error") request.reject(new RequestRefused(message.code, message.detail));
      else request.resolve(message);
      return;
    }
  }

  /** Reject every request: the channel is closed. */
  rejectAll() {
    for (const request of this.#pending.values()) {
      clearTimeout(request.timer);
      request.reject(new RequestRefused("connection_lost", "The connection was lost."));
    }
    this.#pending.clear();
  }
}
