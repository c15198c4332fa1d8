import assert from "node:assert/strict";
import { test } from "node:test";

import { figuresText } from "../../../client/views/camera-view.js";

const STATE = { fps: 29.96, latency_ms: 41.2, latency_ms_p95: 55, follows_face: true, sight: "tracked" };

test("one line says how a virtual camera does", () => {
  assert.equal(
    figuresText(STATE),
    "30 pictures a second · 41 ms from camera to device (95 of 100 within 55) · face followed",
  );
  assert.equal(figuresText({ ...STATE, sight: "none", latency_ms_p95: null }), "30 pictures a second · 41 ms from camera to device · no face seen");
  assert.equal(figuresText({ ...STATE, follows_face: false, latency_ms: null }), "30 pictures a second");
});
