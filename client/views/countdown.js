/** A countdown, which gives people time to get ready. */

/**
 * @param {number} from seconds
 * @param {(left: number) => void} onTick called at once and then each second, the last time with 1
 * @param {AbortSignal} signal stops it
 * @returns {Promise<boolean>} true when it ran to its end
 */
export function countDown(from, onTick, signal) {
  return new Promise((resolve) => {
    let left = from;
    if (signal.aborted || left <= 0) return resolve(!signal.aborted);
    onTick(left);
    const timer = setInterval(() => {
      left -= 1;
      if (left > 0) return onTick(left);
      stop();
      resolve(true);
    }, 1000);
    const abort = () => {
      stop();
      resolve(false);
    };
    const stop = () => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort);
  });
}
