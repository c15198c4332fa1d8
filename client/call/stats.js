/**
 * The few numbers of the readout from getStats() reports. Pure: two snapshots in, one measurement out.
 *
 * @typedef {object} Snapshot
 * @property {number} timeMs
 * @property {number} framesDecoded
 * @property {number} decodeS total
 * @property {number} jitterDelayS total
 * @property {number} jitterEmitted
 * @property {number} bytesReceived
 * @property {number} packetsLost
 * @property {number} framesEncoded
 * @property {number} encodeS total
 * @property {number | null} rttMs
 * @property {number} width
 * @property {number} height
 * @property {string} codec
 *
 * @typedef {object} Measurement
 * @property {number} timeMs
 * @property {number} fps pictures decoded a second
 * @property {number} bitrateBps received
 * @property {number} width
 * @property {number} height
 * @property {string} codec
 * @property {number | null} encodeMs this browser's encoder, mean
 * @property {number | null} rttMs
 * @property {number | null} serverMs arrival of a camera frame to departure of its picture
 * @property {number | null} jitterMs time a picture waits in the receive buffer, mean
 * @property {number | null} decodeMs
 * @property {number | null} latencyMs sum of the five; null while no camera frame drives the face
 * @property {number} packetsLost in this interval
 */

/**
 * Pick what the readout needs out of a report.
 *
 * @param {Iterable<any>} report the values of an RTCStatsReport
 * @param {number} timeMs
 * @returns {Snapshot}
 */
export function snapshot(report, timeMs) {
  const all = [...report];
  const inbound = all.find((s) => s.type === "inbound-rtp" && s.kind === "video") ?? {};
  const outbound = all.find((s) => s.type === "outbound-rtp" && s.kind === "video") ?? {};
  const transport = all.find((s) => s.type === "transport") ?? {};
  const pair =
    all.find((s) => s.type === "candidate-pair" && s.id === transport.selectedCandidatePairId) ??
    all.find((s) => s.type === "candidate-pair" && s.nominated) ??
    {};
  const codec = all.find((s) => s.type === "codec" && s.id === inbound.codecId) ?? {};
  return {
    timeMs,
    framesDecoded: inbound.framesDecoded ?? 0,
    decodeS: inbound.totalDecodeTime ?? 0,
    jitterDelayS: inbound.jitterBufferDelay ?? 0,
    jitterEmitted: inbound.jitterBufferEmittedCount ?? 0,
    bytesReceived: inbound.bytesReceived ?? 0,
    packetsLost: inbound.packetsLost ?? 0,
    framesEncoded: outbound.framesEncoded ?? 0,
    encodeS: outbound.totalEncodeTime ?? 0,
    rttMs: typeof pair.currentRoundTripTime === "number" ? pair.currentRoundTripTime * 1000 : null,
    width: inbound.frameWidth ?? 0,
    height: inbound.frameHeight ?? 0,
    codec: String(codec.mimeType ?? "").replace(/^video\//i, ""),
  };
}

/**
 * Mean milliseconds per item between two running totals.
 *
 * @param {number} seconds
 * @param {number} count
 */
function meanMs(seconds, count) {
  return count > 0 ? (seconds / count) * 1000 : null;
}

/**
 * What happened between two snapshots.
 *
 * Camera to screen = encode here + network there and back (one round trip) + server + receive buffer + decode. Not in
 * it, because browsers do not report them: the camera's own delay, and the wait for the screen.
 *
 * @param {Snapshot} before
 * @param {Snapshot} after
 * @param {{latency_ms?: number | null, camera_fps?: number} | null} server its last statistics
 * @returns {Measurement}
 */
export function measure(before, after, server) {
  const seconds = Math.max(1e-3, (after.timeMs - before.timeMs) / 1000);
  const frames = after.framesDecoded - before.framesDecoded;
  const encodeMs = meanMs(after.encodeS - before.encodeS, after.framesEncoded - before.framesEncoded);
  const jitterMs = meanMs(after.jitterDelayS - before.jitterDelayS, after.jitterEmitted - before.jitterEmitted);
  const decodeMs = meanMs(after.decodeS - before.decodeS, frames);
  const driven = (server?.camera_fps ?? 0) > 0;
  const serverMs = driven && typeof server?.latency_ms === "number" ? server.latency_ms : null;
  const parts = [encodeMs, after.rttMs, serverMs, jitterMs, decodeMs];
  const latencyMs = parts.every((part) => part !== null) ? parts.reduce((a, b) => (a ?? 0) + (b ?? 0), 0) : null;
  return {
    timeMs: after.timeMs,
    fps: Math.max(0, frames) / seconds,
    bitrateBps: (Math.max(0, after.bytesReceived - before.bytesReceived) * 8) / seconds,
    width: after.width,
    height: after.height,
    codec: after.codec,
    encodeMs,
    rttMs: after.rttMs,
    serverMs,
    jitterMs,
    decodeMs,
    latencyMs,
    packetsLost: Math.max(0, after.packetsLost - before.packetsLost),
  };
}

/** @param {number} bps */
export function formatBitrate(bps) {
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

/** @param {number | null} ms */
export function formatMs(ms) {
  if (ms === null) return "–";
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
