/** The one change that this page makes to a session description. */

const AUDIO_STREAM = "sound";

/**
 * Put the audio track of an answer into a stream of its own, so that the browser does not synchronise it with video.
 *
 * A browser holds pictures back until the sound of the same stream has come too, and sound waits longer in its buffer:
 * tens of milliseconds on a quiet machine, hundreds on a busy one. Sound that is not played is not worth that.
 *
 * @param {string} sdp an answer
 * @returns {string}
 */
export function separateAudioStream(sdp) {
  let kind = "";
  return sdp
    .split("\r\n")
    .map((line) => {
      if (line.startsWith("m=")) kind = line.slice(2).split(" ", 1)[0] ?? "";
      return kind === "audio" ? line.replace(/^(a=(?:ssrc:\d+ )?msid:)\S+/, `$1${AUDIO_STREAM}`) : line;
    })
    .join("\r\n");
}
