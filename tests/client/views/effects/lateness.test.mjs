import assert from "node:assert/strict";
import { test } from "node:test";

import { inTime, nextLateness } from "../../../../client/views/effects/lateness.js";

const GOOD = { dropped: 1, gapMs: 16.7 };
const LATE = { dropped: 12, gapMs: 67 };

/** Lets seconds pass with 30 pictures in each; returns the state, and when effects went or came, in seconds. */
function run(seconds, secondsOf, state = inTime(0), from = 0) {
  const changes = [];
  let count = state.last ?? { timeMs: 0, arrived: 0, dropped: 0, gapMs: null };
  for (let second = from; second < from + seconds; second += 1) {
    const { dropped, gapMs } = secondsOf(second);
    count = { timeMs: 1000 * second, arrived: count.arrived + 30, dropped: count.dropped + dropped, gapMs };
    const next = nextLateness(state, count);
    if (next.late !== state.late) changes.push(second);
    state = next;
  }
  return { state, changes };
}

test("effects go within three seconds where the screen cannot follow", () => {
  const { state, changes } = run(10, () => LATE);
  assert.equal(state.late, true);
  assert.ok(changes.length === 1 && changes[0] <= 3, String(changes));
});

test("each sign alone will do: pictures overtaken by the next, or a screen that is drawn too seldom", () => {
  assert.equal(run(5, () => ({ ...LATE, gapMs: null })).state.late, true);
  assert.equal(run(5, () => ({ ...LATE, dropped: 0 })).state.late, true);
});

test("pictures that a line brings in bunches are not the screen's fault", () => {
  assert.deepEqual(run(60, () => ({ dropped: 14, gapMs: 16.7 })).changes, []);
  assert.equal(run(5, () => ({ dropped: 14, gapMs: 33.4 })).state.late, true);
});

test("a stumble, as when a panel opens, changes nothing", () => {
  assert.deepEqual(run(60, (second) => (second % 5 === 0 ? LATE : GOOD)).changes, []);
});

test("a screen of 30 Hz is not late", () => {
  assert.deepEqual(run(60, () => ({ dropped: 1, gapMs: 33.4 })).changes, []);
});

test("effects come back once pictures have been in time for a while, and stay on a machine that can pay for them", () => {
  const { state, changes } = run(120, (second) => (second < 4 ? LATE : GOOD));
  assert.equal(state.late, false);
  assert.equal(changes.length, 2);
  assert.ok(changes[1] - changes[0] >= 20, String(changes));
});

test("effects that make pictures late are tried less and less often, and never flap", () => {
  let state = inTime(0);
  const changes = [];
  for (let second = 0; second < 1800; second += 1) {
    const step = run(1, () => (state.late ? GOOD : LATE), state, second);
    if (step.changes.length) changes.push(second);
    state = step.state;
  }
  assert.equal(state.late, true);
  const trials = (changes.length - 1) / 2;
  assert.ok(trials >= 1 && trials <= 5, String(changes));
  const waits = changes.slice(1).flatMap((at, index) => (index % 2 === 0 ? [at - changes[index]] : []));
  assert.deepEqual(waits, [...waits].sort((a, b) => a - b));
});

test("a load that comes now and then, far apart, does not end effects for good", () => {
  const { state, changes } = run(3600, (second) => (second % 600 < 5 ? LATE : GOOD));
  assert.equal(state.late, false);
  assert.ok(changes.length <= 12);
});

test("what is not shown at all, or hardly comes, tells nothing", () => {
  let state = inTime(0);
  for (let second = 0; second < 20; second += 1) {
    state = nextLateness(state, second % 2 ? null : { timeMs: 1000 * second, arrived: 30 * second, dropped: 30 * second, gapMs: 900 });
    assert.equal(state.late, false);
  }
  const slow = (second) => ({ timeMs: 1000 * second, arrived: 3 * second, dropped: 3 * second, gapMs: 900 });
  for (let second = 20; second < 40; second += 1) state = nextLateness(state, slow(second));
  assert.equal(state.late, false);
});

test("a counter that starts anew, as after a reconnection, tells nothing", () => {
  const { state } = run(5, () => GOOD);
  assert.equal(nextLateness(state, { timeMs: 6000, arrived: 10, dropped: 9, gapMs: 16 }).late, false);
});
