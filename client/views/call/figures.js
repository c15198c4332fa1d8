/** The call's figures: the readout in the corner, and the panel with all of them and charts of the last minute. */

import { formatBitrate, formatMs, measure, snapshot } from "../../call/stats.js";
import { byId, make } from "../dom.js";
import { describeQuality } from "../texts/quality-texts.js";
import { drawCharts } from "./line-chart.js";
import { TimeSeries, describeSeries } from "./time-series.js";

/** @typedef {import("../../protocol/data-channel.js").ServerStats} ServerStats */
/** @typedef {import("../../call/stats.js").Measurement} Measurement */

const INTERVAL_MS = 1000;
const ANSWER_STAGES = {
  decided: "you have finished",
  words: "your words",
  text: "what to say",
  sound: "first sound made",
  sent: "first sound sent",
};

/** @typedef {[string, string, string]} Row name, figure, class */

/**
 * The rows of an answer: the whole way from the end of the user's speech to the avatar's first sound, and its parts.
 *
 * @param {Record<string, number>} stageMs
 * @returns {Row[]}
 */
function answerRows(stageMs) {
  const parts = Object.entries(ANSWER_STAGES).filter(([stage]) => Number.isFinite(stageMs[stage]));
  const totalMs = parts.reduce((sum, [stage]) => sum + (stageMs[stage] ?? 0), 0);
  return [
    ["Answer after you stop", formatMs(totalMs), ""],
    ...parts.map(([stage, name]) => /** @type {Row} */ ([name, formatMs(stageMs[stage] ?? null), "part"])),
  ];
}

export class Figures {
  /** @type {Measurement | null} */
  last = null;
  /** @type {ServerStats | null} */
  server = null;
  /** @type {import("../../protocol/data-channel.js").AnsweredMessage | null} of a conversation, the last one */
  answered = null;

  #fps = new TimeSeries();
  #latency = new TimeSeries();
  /** @type {import("../../call/stats.js").Snapshot | null} */
  #before = null;
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  #connected = false;
  /** @type {() => RTCPeerConnection | null} */
  #getPeer = () => null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  constructor() {
    this.list = byId("figures", HTMLElement);
    this.canvas = byId("chart", HTMLCanvasElement);
    this.chartText = byId("chart-text", HTMLElement);
    this.readout = byId("readout", HTMLButtonElement);
    this.quality = byId("figures-quality", HTMLElement);
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {() => RTCPeerConnection | null} getPeer the call's connection now; it changes when the call comes back */
  start(getPeer) {
    this.stop();
    this.#getPeer = getPeer;
    this.look();
  }

  /** Look at the connection now, as it has just been made, and every second from now on. */
  look() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.#tick(this.#getPeer()), INTERVAL_MS);
    void this.#tick(this.#getPeer());
  }

  stop() {
    clearInterval(this.#timer);
    this.#fps.clear();
    this.#latency.clear();
    this.#before = null;
    this.#peer = null;
    this.last = null;
    this.server = null;
    this.#connected = false;
    this.#show();
  }

  /** @param {RTCPeerConnection | null} peer */
  async #tick(peer) {
    const live = peer?.connectionState === "connected";
    if (peer !== this.#peer) this.#before = null;
    this.#peer = peer;
    this.#connected = live;
    if (!live) {
      this.#before = null;
      this.last = null;
      this.server = null;
      this.#push(performance.now(), null, null);
      return;
    }
    const after = snapshot((await peer.getStats()).values(), performance.now());
    const before = this.#before;
    this.#before = after;
    if (!before) this.#show(); // figures are differences: there are none yet
    if (!before || peer !== this.#peer) return;
    this.last = measure(before, after, this.server);
    this.#push(after.timeMs, this.last.fps, this.last.latencyMs);
  }

  /**
   * @param {number} timeMs
   * @param {number | null} fps
   * @param {number | null} latencyMs
   */
  #push(timeMs, fps, latencyMs) {
    this.#fps.push(timeMs, fps);
    this.#latency.push(timeMs, latencyMs);
    this.#show();
  }

  #show() {
    const m = this.last;
    const short = {
      fps: m ? `${Math.round(m.fps)} fps` : this.#connected ? "Connected" : "Not connected",
      latency: m?.latencyMs ? formatMs(m.latencyMs) : "",
      bitrate: m ? formatBitrate(m.bitrateBps) : "",
      size: m?.width ? `${m.width} × ${m.height}` : "",
      quality: describeQuality(this.server?.quality)?.short ?? "",
    };
    for (const [name, text] of Object.entries(short)) byId(`readout-${name}`, HTMLElement).textContent = text;
    this.readout.dataset.live = String(this.#connected);
    this.#draw();
  }

  #draw() {
    if (this.canvas.offsetParent === null) return; // The panel is closed.
    this.#showList();
    drawCharts(
      this.canvas,
      [
        { name: "Frames a second", series: this.#fps, least: 40, unit: "fps" },
        { name: "Camera to screen", series: this.#latency, least: 100, unit: "ms" },
      ],
      performance.now(),
    );
    this.chartText.textContent =
      describeSeries("Frames a second", this.#fps.values, "") +
      " " +
      describeSeries("Camera to screen", this.#latency.values, "milliseconds");
  }

  #showList() {
    const m = this.last;
    const s = this.server;
    /** @type {Row[]} */
    const rows = [
      ["Frame rate", m ? `${m.fps.toFixed(1)} fps` : "–", ""],
      ["Camera to screen", formatMs(m?.latencyMs ?? null), ""],
      ["encode here", formatMs(m?.encodeMs ?? null), "part"],
      ["network, there and back", formatMs(m?.rttMs ?? null), "part"],
      ["server", formatMs(m?.serverMs ?? null), "part"],
      ["receive buffer", formatMs(m?.jitterMs ?? null), "part"],
      ["decode", formatMs(m?.decodeMs ?? null), "part"],
      ["Bitrate", m ? `${formatBitrate(m.bitrateBps)} ${m.codec}` : "–", ""],
      ["Resolution", m?.width ? `${m.width} × ${m.height}` : "–", ""],
      ["Sound after picture", typeof s?.av_offset_ms === "number" ? `${Math.round(s.av_offset_ms)} ms` : "–", ""],
      ["Packets lost", m ? String(m.packetsLost) : "–", ""],
      ...(this.answered ? answerRows(this.answered.stage_ms) : []),
    ];
    const simpler = describeQuality(s?.quality);
    this.quality.textContent = simpler?.text ?? "";
    this.quality.hidden = !simpler;
    this.list.replaceChildren(
      ...rows.map(([name, figure, kind]) => make("div", kind, make("dt", "", name), make("dd", "", figure))),
    );
  }
}
