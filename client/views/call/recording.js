/** The switch that records the call on this computer, and the sign that somebody records it. */

import { recordedType, recordingName, StreamRecorder } from "../../media/stream-recorder.js";
import { announce, button, byId } from "../dom.js";
import { describe } from "../texts/describe.js";

/** @typedef {import("../../protocol/data-channel.js").ServerMessage} ServerMessage */

export class RecordingControl {
  /** @type {StreamRecorder | null} */
  #recorder = null;
  #onServer = false;
  /** @type {MediaStream | null} */
  #stream = null;

  /** @param {import("../notice.js").Notice} notice */
  constructor(notice) {
    this.notice = notice;
    this.sign = byId("recording", HTMLElement);
    this.button = button("record");
    this.button.hidden = recordedType() === null;
    this.button.addEventListener("click", () => (this.#recorder ? this.stop() : this.#start()));
  }

  /** @param {MediaStream | null} stream that is played now; another one than before ends the recording */
  play(stream) {
    if (stream !== this.#stream) this.stop();
    this.#stream = stream;
    this.button.disabled = stream === null;
  }

  /** @param {ServerMessage} message */
  onMessage(message) {
    if (message.type === "hello") this.#onServer = false;
    if (message.type === "recording") {
      this.#onServer = message.state === "on";
      announce(this.#onServer ? "This call is being recorded." : "This call is no longer being recorded.");
      if (message.detail) this.notice.show({ ...describe("recording_failed"), text: message.detail });
    }
    this.#show();
  }

  /** End a recording on this computer, if there is one, and save it. */
  stop() {
    const recorder = this.#recorder;
    this.#recorder = null;
    void recorder?.stop();
    this.#show();
  }

  #start() {
    const type = recordedType();
    if (!this.#stream || type === null) return;
    const name = recordingName(new Date(), type);
    try {
      this.#recorder = new StreamRecorder(this.#stream, type);
    } catch {
      this.notice.show(describe("recording_failed"));
      return;
    }
    const recorder = this.#recorder;
    void recorder.ended.then((recording) => {
      if (this.#recorder === recorder) this.stop(); // it has ended by itself
      if (recording.size > 0) save(recording, name);
      else this.notice.show(describe("recording_failed"));
    });
    announce("Recording.");
    this.#show();
  }

  #show() {
    this.sign.hidden = !this.#onServer && this.#recorder === null;
    const text = this.#onServer ? "Recorded by the server" : "Recording";
    const words = byId("recording-text", HTMLElement);
    if (words.textContent !== text) words.textContent = text;
    this.button.textContent = this.#recorder ? "Stop and save" : "Record the avatar";
    this.button.classList.toggle("is-recording", this.#recorder !== null);
  }
}

/**
 * Have the browser save a file.
 *
 * @param {Blob} file
 * @param {string} name
 */
function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may ask where to, first
}
