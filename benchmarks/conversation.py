"""Talking with the avatar in a real browser: how long until it answers, stage by stage, and until it stops.

A headless Chromium joins a real server and talks through a fake microphone, again and again: a sentence, a pause in
which the avatar begins to answer, and a sentence over that answer. The page's own clock measures both sides where the
user is: the level of the microphone's track, and the level of the sound that comes back. An answer's latency is from
the microphone's last loud moment to the avatar's first one; a stop's from the microphone's first loud moment to the
avatar's last one. The stages are the server's own figures.
"""

from __future__ import annotations

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from avatar.conversation.events import STAGES
from benchmarks import report
from benchmarks.clients.chromium import missing
from benchmarks.server_process import ServerProcess
from tests.browser.chromium import Chromium
from tests.browser.speaking_microphone import make_speaking_microphone

WATCH = """
const seen = { microphone: [], avatar: [], answered: [], interrupted: [] };
globalThis.conversation = seen;
const context = new AudioContext();
const follow = (stream, levels) => {
  const analyser = new AnalyserNode(context, { fftSize: 512 });
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(512);
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    levels.push([performance.now(), Math.sqrt(power)]);
  }, 10);
  return source;
};
const { call } = avatarCall;
globalThis.kept = [
  follow(new MediaStream([call.media.microphone]), seen.microphone),
  follow(document.getElementById("avatar-video").srcObject, seen.avatar),
];
call.addEventListener("message", ({ detail }) => {
  if (detail.type === "answered" || detail.type === "interrupted") seen[detail.type].push(detail);
});
"""
LOUD = 0.01
"""Root mean square from which somebody speaks: -40 dB."""
GAP_MS = 380.0
"""Silence between two stretches of speech: shorter ones are pauses within one."""
BARS = {"answer_ms_median": "<= 900", "answer_ms_p95": "", "stop_ms_median": ""}


def stretches(levels: list[list[float]]) -> list[tuple[float, float]]:
    """Return (begin, end) of each stretch of speech in (moment, level) pairs, milliseconds."""
    loud = [at_ms for at_ms, level in levels if level > LOUD]
    if not loud:
        return []
    edges = [pair for pair in pairwise(loud) if pair[1] - pair[0] > GAP_MS]
    begins, ends = [loud[0], *(after for _, after in edges)], [*(before for before, _ in edges), loud[-1]]
    return list(zip(begins, ends, strict=True))


def latencies(user: list[tuple[float, float]], avatar: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return the milliseconds that answers took to begin, and that the avatar took to stop when it was talked over."""
    answers, stops = [], []
    last_begin = float("-inf")
    for begin, end in avatar:
        # After a pause between its own sentences the avatar answers nobody.
        before = [stop for _, stop in user if last_begin < stop < begin]
        last_begin = begin
        if before:
            answers.append(begin - before[-1])
        over = [start for start, _ in user if begin < start < end]
        if over:
            stops.append(end - over[0])
    return answers, stops


def measure(minutes: float) -> dict[str, Any]:
    """Talk for some minutes and return what the page has seen."""
    with tempfile.TemporaryDirectory() as folder, ServerProcess() as server:
        video = Path(folder) / "grey.y4m"
        picture = b"FRAME\n" + bytes([128]) * (320 * 240 * 3 // 2)
        video.write_bytes(b"YUV4MPEG2 W320 H240 F30:1 Ip A1:1 C420jpeg\n" + 30 * picture)
        microphone = make_speaking_microphone(Path(folder), video)
        with Chromium(microphone) as browser:
            browser.open(server.url)
            browser.click("lobby-cam")
            browser.until(
                lambda: not browser.run("return document.querySelector('#lobby-camera').srcObject"), "no camera"
            )
            browser.join()
            browser.run("document.getElementById('drive-conversation').click()")
            browser.until(lambda: browser.by_id("captions").is_displayed(), "the conversation")
            browser.run(WATCH)
            time.sleep(60 * minutes)
            seen: dict[str, Any] = browser.run("return conversation")
            return seen


def main() -> None:
    """Measure, print, and write what was asked for."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--minutes", type=float, default=3.0, help="how long to talk (default: %(default)s)")
    args = arguments.parse_args()
    if (reason := missing()) is not None:
        raise SystemExit(f"This benchmark {reason}.")
    seen = measure(args.minutes)
    answers, stops = latencies(stretches(seen["microphone"]), stretches(seen["avatar"]))
    figures = {
        "answer_ms_median": report.median(answers),
        "answer_ms_p95": report.p95(answers),
        "stop_ms_median": report.median(stops),
        "answers": float(len(answers)),
        "stops": float(len(stops)),
    }
    for stage in STAGES:
        taken = [answered["stage_ms"][stage] for answered in seen["answered"] if stage in answered["stage_ms"]]
        if taken:
            figures[f"stage_{stage}_ms"] = report.median(taken)
    report.finish(figures, BARS, args.json)


if __name__ == "__main__":
    main()
