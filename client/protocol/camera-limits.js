/**
 * What the server asks the camera to send, where machine or connection are short: bounds, constraints, and what the
 * sender makes of it. Pure; whoever has the track or the sender applies it.
 *
 * @typedef {object} CameraLimits
 * @property {number} width pixels, of a picture that lies; one that stands is turned
 * @property {number} height
 * @property {number} fps
 * @property {number} maxBitrateBps
 *
 * @typedef {{width?: number | undefined, height?: number | undefined, frameRate?: number | undefined}} TrackSize what a
 *   track says of itself
 */

/** Whatever a server asks for: smaller, a face is not found any more; larger, nobody's camera needs it. */
const BOUNDS = Object.freeze({
  width: [160, 1920],
  height: [120, 1920],
  fps: [5, 60],
  maxBitrateBps: [50_000, 8_000_000],
});

/**
 * The limits of a message, within bounds.
 *
 * @param {import("./data-channel.js").CameraMessage} message
 * @returns {CameraLimits}
 */
export function cameraLimits({ width, height, fps, max_bitrate_bps: maxBitrateBps }) {
  return {
    width: within(width, BOUNDS.width),
    height: within(height, BOUNDS.height),
    fps: within(fps, BOUNDS.fps),
    maxBitrateBps: within(maxBitrateBps, BOUNDS.maxBitrateBps),
  };
}

/**
 * How many times a picture is too large for the limits, along the side that is more so; 1 when it fits.
 *
 * @param {CameraLimits} limits
 * @param {TrackSize} size
 */
export function excess(limits, { width = 0, height = 0 }) {
  const long = Math.max(width, height) / Math.max(limits.width, limits.height);
  const short = Math.min(width, height) / Math.min(limits.width, limits.height);
  return Math.max(1, long, short);
}

/**
 * Constraints for a track. The shape of the picture stays, since another one would cut off what the camera shows; nothing
 * is required, so that a camera that cannot do it gives what it can.
 *
 * @param {CameraLimits} limits
 * @param {TrackSize} own what the camera gives without limits
 * @returns {MediaTrackConstraints}
 */
export function cameraConstraints(limits, own) {
  const { width = limits.width, height = limits.height, frameRate = limits.fps } = own;
  const by = excess(limits, { width, height });
  return {
    width: { ideal: Math.round(width / by) },
    height: { ideal: Math.round(height / by) },
    frameRate: { ideal: Math.min(limits.fps, frameRate) },
  };
}

/**
 * What the sender is told. It makes the picture smaller where the camera has not.
 *
 * @param {CameraLimits} limits
 * @param {TrackSize} now what the camera gives
 */
export function senderEncoding(limits, now) {
  return {
    maxBitrate: limits.maxBitrateBps,
    maxFramerate: limits.fps,
    scaleResolutionDownBy: excess(limits, now),
  };
}

/**
 * @param {number} value
 * @param {readonly number[]} bounds
 */
function within(value, [least = 0, most = Infinity]) {
  return Math.min(most, Math.max(least, Math.round(value)));
}
