import assert from "node:assert/strict";
import { test } from "node:test";

import { TimeSeries, axisEnd, describeSeries, toLines } from "../../../../client/views/call/time-series.js";

test("a series keeps the last minute and no more, however often it is fed", () => {
  const series = new TimeSeries();
  for (let second = 0; second <= 90; second += 1) series.push(second * 1000, second);
  assert.equal(series.points[0].timeMs, 30_000);
  for (let i = 0; i < 1000; i += 1) series.push(91_000, i);
  assert.ok(series.points.length <= 180);
});

test("an axis ends at a round number that holds every value", () => {
  assert.equal(axisEnd(31.7, 40), 40);
  assert.equal(axisEnd(0, 100), 100);
  assert.equal(axisEnd(130, 100), 150);
  assert.equal(axisEnd(950, 100), 1000);
});

test("a break in the call is a gap in the line, and time runs to the right edge", () => {
  const box = { x: 0, y: 0, width: 600, height: 100 };
  const points = [
    { timeMs: 0, value: 30 },
    { timeMs: 10_000, value: 30 },
    { timeMs: 20_000, value: null },
    { timeMs: 60_000, value: 15 },
  ];
  const lines = toLines(points, 60_000, 30, box).map((line) => line.map((point) => point.map(Math.round)));
  assert.equal(lines.length, 2);
  assert.deepEqual(lines[0], [[0, 0], [100, 0]]);
  assert.deepEqual(lines[1], [[600, 50]]);
});

test("the plot can be read out", () => {
  assert.equal(
    describeSeries("Camera to screen", [60, 42.4, 55], "milliseconds"),
    "Camera to screen: now 55 milliseconds, between 42 and 60 in the last minute.",
  );
  assert.match(describeSeries("Frames a second", [], ""), /no figures yet/);
});
