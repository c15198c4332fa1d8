/**
 * Whether the page shows the avatar's pictures late: a pure rule of what was counted and of the clock.
 *
 * @typedef {object} PictureCount what a video element has done so far
 * @property {number} timeMs
 * @property {number} arrived pictures decoded
 * @property {number} dropped of these, never shown because the next one was there first
 * @property {number | null} gapMs between two refreshes of the screen, median since the last count; null: not known
 *
 * @typedef {object} Lateness
 * @property {boolean} late pictures come late: the effects are to be off
 * @property {number} sinceMs since when pictures are in time, while `late`; else when `late` last changed
 * @property {number} strikes late intervals in a row, while not `late`
 * @property {number} calmMs how long pictures have to be in time before the effects come back
 * @property {PictureCount | null} last
 */

/** Pictures come every 33 ms: a screen that is drawn every 50 ms leaves some out, one of 30 Hz none. */
const LATE_GAP_MS = 42;
const IN_TIME_GAP_MS = 36;
/** A screen drawn so often shows what comes: what is dropped then is overtaken because the line brings it unevenly. */
const SMOOTH_GAP_MS = 20;
/** A picture in 15 is overtaken by the next on a quiet machine too, where both come within one refresh. */
const LATE_SHARE = 0.2;
const IN_TIME_SHARE = 0.1;
/** Fewer pictures in an interval tell nothing. */
const LEAST_PICTURES = 5;
/** Intervals of about a second; one alone may be the page's own doing, as when a panel opens. */
const LATE_STRIKES = 2;
const FIRST_CALM_MS = 20_000;
/** Each time the effects had to go again, twice as long; beyond this they stay off until the call ends. */
const LONGEST_CALM_MS = 160_000;
/** Effects that last so long have proved that the machine can pay for them. */
const PROOF_MS = 60_000;

/**
 * Where a call begins.
 *
 * @param {number} timeMs
 * @returns {Lateness}
 */
export function inTime(timeMs) {
  return { late: false, sinceMs: timeMs, strikes: 0, calmMs: FIRST_CALM_MS, last: null };
}

/**
 * The state after another count, about once a second.
 *
 * @param {Lateness} state
 * @param {PictureCount | null} count null where pictures are not shown at all, as in a hidden tab
 * @returns {Lateness}
 */
export function nextLateness(state, count) {
  const { last } = state;
  if (!count || !last || count.arrived < last.arrived) return { ...state, strikes: 0, last: count };
  const arrived = count.arrived - last.arrived;
  if (arrived < LEAST_PICTURES) return { ...state, strikes: 0, last: count };
  const smooth = count.gapMs !== null && count.gapMs <= SMOOTH_GAP_MS;
  const droppedShare = smooth ? 0 : (count.dropped - last.dropped) / arrived;
  const gapMs = count.gapMs ?? 0;
  return state.late
    ? whileLate(state, count, droppedShare <= IN_TIME_SHARE && gapMs <= IN_TIME_GAP_MS)
    : whileInTime(state, count, droppedShare > LATE_SHARE || gapMs > LATE_GAP_MS);
}

/**
 * @param {Lateness} state
 * @param {PictureCount} count
 * @param {boolean} late in this interval
 * @returns {Lateness}
 */
function whileInTime(state, count, late) {
  const strikes = late ? state.strikes + 1 : 0;
  const { timeMs } = count;
  if (strikes < LATE_STRIKES) return { ...state, strikes, last: count };
  const proved = timeMs - state.sinceMs >= PROOF_MS;
  return { late: true, sinceMs: timeMs, strikes: 0, calmMs: proved ? FIRST_CALM_MS : state.calmMs, last: count };
}

/**
 * @param {Lateness} state
 * @param {PictureCount} count
 * @param {boolean} calm in this interval
 * @returns {Lateness}
 */
function whileLate(state, count, calm) {
  if (!calm) return { ...state, sinceMs: count.timeMs, last: count };
  if (state.calmMs > LONGEST_CALM_MS || count.timeMs - state.sinceMs < state.calmMs) return { ...state, last: count };
  return { late: false, sinceMs: count.timeMs, strikes: 0, calmMs: 2 * state.calmMs, last: count };
}
