/** The one thing this page changes in a session description. */

const OWN_STREAM = "sound";

/**
 * Put the sound of an answer into a stream of its own.
 *
 * A browser holds pictures back until the sound of the same stream has come too, and sound waits longer in its buffer:
 * tens of milliseconds on a quiet machine, hundreds on a busy one. Sound that nobody listens to is not worth that.
 *
 * @param {string} sdp an answer
 * @returns {string}
 */
export function soundApart(sdp) {
  let kind = "";
  return sdp
    .split("\r\n")
    .map((line) => {
      if (line.startsWith("m=")) kind = line.slice(2).split(" ", 1)[0] ?? "";
      return kind === "audio" ? line.replace(/^(a=(?:ssrc:\d+ )?msid:)\S+/, `$1${OWN_STREAM}`) : line;
    })
    .join("\r\n");
}
