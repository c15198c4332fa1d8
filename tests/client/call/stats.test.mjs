import assert from "node:assert/strict";
import { test } from "node:test";

import { formatBitrate, formatMs, measure, snapshot } from "../../../client/call/stats.js";

const report = ({ frames, bytes, encoded }) => [
  { type: "inbound-rtp", kind: "audio", bytesReceived: 9e9 },
  {
    type: "inbound-rtp",
    kind: "video",
    codecId: "C1",
    framesDecoded: frames,
    totalDecodeTime: frames * 0.002,
    jitterBufferDelay: frames * 0.01,
    jitterBufferEmittedCount: frames,
    bytesReceived: bytes,
    packetsLost: 3,
    frameWidth: 512,
    frameHeight: 512,
  },
  { type: "outbound-rtp", kind: "video", framesEncoded: encoded, totalEncodeTime: encoded * 0.004 },
  { type: "transport", selectedCandidatePairId: "P2" },
  { type: "candidate-pair", id: "P1", nominated: true, currentRoundTripTime: 9 },
  { type: "candidate-pair", id: "P2", nominated: true, currentRoundTripTime: 0.02 },
  { type: "codec", id: "C1", mimeType: "video/H264" },
];

test("one second of a call becomes the figures of the readout", () => {
  const before = snapshot(report({ frames: 100, bytes: 1e6, encoded: 90 }), 1000);
  const after = snapshot(report({ frames: 130, bytes: 1_125_000, encoded: 120 }), 2000);
  const now = measure(before, after, { latency_ms: 24, camera_fps: 30 });
  assert.equal(now.fps, 30);
  assert.equal(now.bitrateBps, 1e6);
  assert.equal(`${now.width}x${now.height} ${now.codec}`, "512x512 H264");
  // encode 4 + round trip 20 + server 24 + buffer 10 + decode 2
  assert.ok(Math.abs(now.latencyMs - 60) < 1e-6);
});

test("without a camera driving the face there is no camera-to-screen time to show", () => {
  const before = snapshot(report({ frames: 100, bytes: 0, encoded: 5 }), 0);
  const after = snapshot(report({ frames: 130, bytes: 0, encoded: 5 }), 1000);
  assert.equal(measure(before, after, { latency_ms: 24, camera_fps: 0 }).latencyMs, null);
  assert.equal(measure(before, after, null).latencyMs, null);
  assert.equal(measure(before, after, null).fps, 30);
});

test("a report with nothing in it gives zeros, not NaN", () => {
  const empty = snapshot([], 0);
  const now = measure(empty, { ...empty, timeMs: 1000 }, null);
  assert.equal(now.fps, 0);
  assert.equal(now.decodeMs, null);
  assert.equal(now.bitrateBps, 0);
});

test("counters that start anew give no negative figures", () => {
  const before = snapshot(report({ frames: 500, bytes: 5e6, encoded: 1 }), 0);
  const now = measure(before, { ...snapshot([], 1000) }, null);
  assert.equal(now.fps, 0);
  assert.equal(now.bitrateBps, 0);
  assert.equal(now.packetsLost, 0);
});

test("figures are written as people read them", () => {
  assert.equal(formatBitrate(1_240_000), "1.2 Mbit/s");
  assert.equal(formatBitrate(480_300), "480 kbit/s");
  assert.equal(formatMs(4.26), "4.3 ms");
  assert.equal(formatMs(61.4), "61 ms");
  assert.equal(formatMs(null), "–");
});
