/** Draws time series of the last minute as line charts, one above the other. */

import { axisEnd, toLines } from "./time-series.js";

/** @typedef {import("./time-series.js").TimeSeries} TimeSeries */

const GAP = 30;
const LABEL = 18;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{name: string, series: TimeSeries, least: number, unit: string}[]} charts
 * @param {number} nowMs
 */
export function drawCharts(canvas, charts, nowMs) {
  const { width, height } = canvas.getBoundingClientRect();
  const context = canvas.getContext("2d");
  if (!context || width === 0) return;
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);

  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  context.font = `12px ${style.fontFamily}`;
  const each = (height - GAP * (charts.length - 1)) / charts.length;

  charts.forEach(({ name, series, least, unit }, index) => {
    const box = { x: 0.5, y: index * (each + GAP) + LABEL, width: width - 1, height: each - LABEL };
    const values = series.values;
    const end = axisEnd(Math.max(0, ...values), least);

    context.fillStyle = colour("--text-2");
    context.textAlign = "left";
    context.fillText(name, box.x, box.y - 7);
    context.textAlign = "right";
    context.fillText(`${end} ${unit}`, box.x + box.width, box.y - 7);

    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      const y = Math.round(box.y + box.height * share) + 0.5;
      context.beginPath();
      context.moveTo(box.x, y);
      context.lineTo(box.x + box.width, y);
      context.stroke();
    }

    context.strokeStyle = colour("--accent");
    context.lineWidth = 1.75;
    context.lineJoin = "round";
    context.lineCap = "round";
    for (const line of toLines(series.points, nowMs, end, box)) {
      context.beginPath();
      for (const [x, y] of line) context.lineTo(x, y);
      const [first] = line;
      if (line.length === 1 && first) context.lineTo(first[0] + 0.01, first[1]);
      context.stroke();
    }
  });
}
