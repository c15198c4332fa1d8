"""The product's page in a headless Chromium over lossy, slow and narrow lines: what its user sees meanwhile.

As `benchmarks.lines`, with a browser in place of the light client: its packets pass the same relay, both ways. The
page's offer goes out without addresses, and the answer that it gets has the relay's. Pictures are counted as they are
shown (`requestVideoFrameCallback`), latency is what the page tells its user, from camera to screen.

{line}_freeze_ms        longest time without a new picture while the line is disturbed
{line}_freeze_after_ms  and after that
{line}_fps              pictures shown a second meanwhile
{line}_latency_ms_...   camera to screen: before, meanwhile (median), and after how many seconds it is back
{line}_frozen_ms        what Chromium itself counts as frozen in all of the call (`totalFreezesDuration`)
{line}_key_frames       that it decoded; `_nacks`, `_plis`: packets and key frames that it asked for
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks import line_figures, report
from benchmarks.clients.chromium import missing
from benchmarks.line_relay import ADDRESS, Line, LineRelay
from benchmarks.lines import BARS, LINES
from benchmarks.page import Page, opened

SETTLE_S: Final = 5.0
"""The start of a call is left out."""
ROUTE: Final = """
const plainFetch = window.fetch;
window.fetch = async (address, options = {}) => {
  if (options.method !== "POST" || !String(address).startsWith("/whip")) return plainFetch(address, options);
  const body = options.body.split(/(?<=\\n)/).filter((line) => !line.startsWith("a=candidate:")).join("");
  const response = await plainFetch(address, { ...options, body });
  if (response.status !== 201) return response;
  window.relayedAnswer = await response.text();
  const answer = window.relayedAnswer.replace(
    /(a=candidate:\\S+ 1 udp \\d+ )\\S+ \\d+ (typ host.*)/gi, "$1" + RELAY.address + " " + RELAY.port + " $2",
  );
  const routed = new Response(answer, { status: 201, headers: response.headers });
  Object.defineProperty(routed, "url", { value: response.url });
  return routed;
};
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    window.relayedPeer = this;
  }
};
"""
RECORD: Final = """
const video = document.getElementById("avatar-video");
window.shown = [];
window.told = [];
const note = (now, { presentedFrames }) => {
  window.shown.push([performance.now() / 1000, presentedFrames]);
  video.requestVideoFrameCallback(note);
};
video.requestVideoFrameCallback(note);
setInterval(() => {
  const latency = parseFloat(document.getElementById("readout-latency").textContent);
  if (Number.isFinite(latency)) window.told.push([performance.now() / 1000, latency / 1000]);
}, 100);
"""
COLLECT: Final = """
const [done] = arguments;
window.relayedPeer.getStats().then((report) => {
  const video = [...report.values()].find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
  done({ shown: window.shown, told: window.told, video });
});
"""


def shown_s(counted: Sequence[tuple[float, int]]) -> list[float]:
    """Return when each picture was shown, of (time, pictures so far): those between two calls are spread evenly."""
    times: list[float] = []
    for (before_s, before), (now_s, now) in pairwise(counted):
        count = max(now - before, 1)
        times += [before_s + (now_s - before_s) * step / count for step in range(1, count + 1)]
    return times


def figures(seen: dict[str, Any], begin_s: float, end_s: float) -> dict[str, float]:
    """Return the figures of a call whose line was disturbed from `begin_s` to `end_s`, on the page's clock."""
    times = shown_s([(float(at_s), int(count)) for at_s, count in seen["shown"]])
    told = [(float(at_s), float(latency_s)) for at_s, latency_s in seen["told"]]
    video = seen["video"]
    return {
        "freeze_ms": 1e3 * line_figures.longest_gap_s(times, begin_s, end_s),
        "freeze_after_ms": 1e3 * line_figures.longest_gap_s(times, end_s, times[-1]),
        "fps": sum(begin_s <= at_s <= end_s for at_s in times) / (end_s - begin_s),
        "latency_ms_before": 1e3 * report.median(latency for at_s, latency in told if at_s < begin_s),
        "latency_ms_median": 1e3 * report.median(latency for at_s, latency in told if begin_s <= at_s <= end_s),
        "latency_back_s": line_figures.latency_back_s(told, begin_s, end_s),
        "frozen_ms": 1e3 * float(video.get("totalFreezesDuration", 0)),
        "key_frames": float(video.get("keyFramesDecoded", 0)),
        "nacks": float(video.get("nackCount", 0)),
        "plis": float(video.get("pliCount", 0)),
    }


def disturbed_call(page: Page, address: str, line: Line, ways: str, seconds: float, after: float) -> dict[str, float]:
    """Hold one call of the page over a relay; return its figures."""
    with LineRelay() as relay:
        page.run_first(f"const RELAY = {json.dumps({'address': ADDRESS, 'port': relay.port})};\n{ROUTE}")
        page.open(address)
        page.join()
        page.until("return window.relayedAnswer !== undefined", "the server's answer")
        relay.route_answer(page.ask("return window.relayedAnswer"))
        page.await_picture()
        time.sleep(SETTLE_S)
        page.ask(RECORD)
        time.sleep(seconds)
        begin_s = page.ask("return performance.now() / 1000")
        relay.change(up=line if ways != "down" else Line(), down=line if ways != "up" else Line())
        time.sleep(seconds)
        end_s = page.ask("return performance.now() / 1000")
        relay.change()
        time.sleep(after)
        seen = page.ask_later(COLLECT)
        print(f"packets {relay.counts()}")
    return figures(seen, begin_s, end_s)


def measure(chosen: argparse.Namespace) -> dict[str, float]:
    """Hold a call over each line; return all figures, named after the lines."""
    found: dict[str, dict[str, float]] = {}
    for name in chosen.lines.split(","):
        options = ("--tier", chosen.tier, "--quality", chosen.quality)
        with opened(*options, clip=chosen.driver) as (page, address):
            line = replace(LINES[name], queue_s=chosen.queue)
            found[name] = disturbed_call(page, address, line, chosen.ways, chosen.seconds, chosen.after)
    keys = list(next(iter(found.values())))
    report.table(("", *found), [(key, *(values[key] for values in found.values())) for key in keys])
    return {f"{name}_{key}": value for name, values in found.items() for key, value in values.items()}


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--lines", default="loss,delay,narrow,all", help=f"of {', '.join(LINES)} (default all bars)")
    arguments.add_argument("--seconds", type=float, default=10.0, help="before, and disturbed (default 10)")
    arguments.add_argument("--after", type=float, default=10.0, help="and clean again (default 10)")
    arguments.add_argument("--driver", type=Path, metavar="CLIP", help="what the camera shows (default: a portrait)")
    arguments.add_argument("--tier", default="geometry", help="what draws it, as avatar serve takes it")
    arguments.add_argument("--queue", type=float, default=0.1, help="seconds that the narrow line holds (default 0.1)")
    arguments.add_argument("--ways", default="both", choices=("both", "up", "down"), help="up: the camera's alone")
    arguments.add_argument("--quality", default="auto", choices=("auto", "fixed"))
    chosen = arguments.parse_args()
    if unknown := set(chosen.lines.split(",")) - set(LINES):
        raise SystemExit(f"There is no line named {', '.join(unknown)}: choose of {', '.join(LINES)}.")
    if (reason := missing()) is not None:
        raise SystemExit(reason)
    bars = {f"{name}_{key}": bar for name in chosen.lines.split(",") for key, bar in BARS.items()}
    report.finish(measure(chosen), bars, chosen.json)


if __name__ == "__main__":
    main()
