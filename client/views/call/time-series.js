/** The last minute of one figure: its points, its lines in a chart, and a sentence about it. */

const SPAN_MS = 60_000;
const MAX_POINTS = 180;

/** @typedef {{timeMs: number, value: number | null}} Point a null value is a gap */

export class TimeSeries {
  /** @type {Point[]} */
  points = [];

  /**
   * @param {number} timeMs
   * @param {number | null} value
   */
  push(timeMs, value) {
    this.points.push({ timeMs, value });
    while (this.points.length > MAX_POINTS || (this.points[0] && this.points[0].timeMs < timeMs - SPAN_MS))
      this.points.shift();
  }

  clear() {
    this.points = [];
  }

  /** @returns {number[]} */
  get values() {
    return this.points.flatMap((point) => (point.value === null ? [] : [point.value]));
  }
}

/**
 * The upper end of an axis: a round number at or above the largest value.
 *
 * @param {number} largest
 * @param {number} least the axis never ends below this
 */
export function axisEnd(largest, least) {
  const value = Math.max(largest, least);
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((s) => s * power >= value) ?? 10;
  return step * power;
}

/**
 * Cut a series into runs without gaps, in plot coordinates.
 *
 * @param {readonly Point[]} points
 * @param {number} nowMs the right edge
 * @param {number} end value at the top edge; 0 is the bottom edge
 * @param {{x: number, y: number, width: number, height: number}} box
 * @returns {[number, number][][]}
 */
export function toLines(points, nowMs, end, box) {
  /** @type {[number, number][][]} */
  const lines = [];
  let line = /** @type {[number, number][]} */ ([]);
  for (const { timeMs, value } of points) {
    if (value === null) {
      if (line.length) lines.push(line);
      line = [];
      continue;
    }
    const x = box.x + box.width * (1 - (nowMs - timeMs) / SPAN_MS);
    const y = box.y + box.height * (1 - Math.min(1, value / end));
    line.push([x, y]);
  }
  if (line.length) lines.push(line);
  return lines;
}

/**
 * A series in one sentence.
 *
 * @param {string} name
 * @param {readonly number[]} values
 * @param {string} unit
 */
export function describeSeries(name, values, unit) {
  const last = values.at(-1);
  if (last === undefined) return `${name}: no figures yet.`;
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.round);
  return `${name}: now ${Math.round(last)} ${unit}, between ${low} and ${high} in the last minute.`;
}
