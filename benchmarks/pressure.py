"""A call beside busy processes: with the quality control and without it, in turn, on one machine.

Each turn starts a server and so many processes that only count (`--busy`), holds a call as `benchmarks.call` does, and
leaves out its first seconds, in which the call finds its level. What is compared are the medians of the rounds.
`--seconds-after` shows how soon full quality is back once the load has gone. `taskset -c 0` before the command has
all of it run on one core.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar.motion.speech import LOOK_AHEAD_S
from benchmarks import report
from benchmarks.call import offsets_ms
from benchmarks.call_media import camera_packets, microphone_samples
from benchmarks.caller import Caller, watched
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

SETTLE_S = 8.0
"""The start of a call is left out: the first step down comes three seconds after the first picture at the earliest."""
MEASURED = ("fps", "latency_p95_ms", "av_offset_ms_p95")


def bars(drive: str) -> dict[str, str]:
    """Return what the figures should be; with `both` pictures wait for what the speech network hears ahead."""
    ahead_ms = 1e3 * LOOK_AHEAD_S if drive == "both" else 0.0
    return {
        "fps_ratio": ">= 1.3",
        "latency_p95_ratio": "<= 0.5",
        "latency_p95_ms": f"<= {150 + ahead_ms:.0f}",
        "av_offset_ms_p95": "<= 40",
        "seconds_to_full_quality": "<= 15",
    }


@dataclass(frozen=True)
class Options:
    """Of a run."""

    seconds: float
    seconds_after: float
    busy: int
    tier: str
    avatar: str
    drive: str


@dataclass(frozen=True)
class Turn:
    """What one call was like."""

    fps: float
    latency_p95_ms: float
    av_offset_ms_p95: float
    levels: list[int]
    """Of quality, once a second."""
    recovered_s: float
    """From the end of the load to the first level; NaN where that was not waited for or has not come."""


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep so many processes counting."""
    command = [sys.executable, "-c", "while True: pass"]
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield


def levels(caller: Caller, since: int = 0) -> list[int]:
    """Return the level of quality that each `stats` message has told; 0 where it is fixed."""
    stats = [message for message in caller.received.messages[since:] if message["type"] == "stats"]
    return [message.get("quality", {"level": 0})["level"] for message in stats]


async def turn(quality: str, packets: list[bytes], samples: np.ndarray, options: Options) -> Turn:
    """Hold one call beside busy processes."""
    with ServerProcess("--tier", options.tier, "--quality", quality) as server:
        caller = Caller(server.url, packets, samples)
        with busy_processes(options.busy):
            query = f"avatar={options.avatar}&width=512&height=512&drive={options.drive}"
            await watched(caller.join(query), SETTLE_S, f"{quality} (settling)")
            begin = time.monotonic()
            await watched(asyncio.sleep(0), options.seconds, quality)
            end, told = time.monotonic(), len(caller.received.messages)
        recovered_s = float("nan")
        if options.seconds_after:
            await watched(asyncio.sleep(0), options.seconds_after, f"{quality} (load gone)")
            after = levels(caller, told)
            recovered_s = float(next((second for second, level in enumerate(after) if level == 0), float("nan")))
        await caller.leave()
    latencies = [1e3 * latency for at, latency in caller.latencies() if begin <= at <= end]
    return Turn(
        fps=sum(begin <= at <= end for _, at, _ in caller.received.pictures) / (end - begin),
        latency_p95_ms=report.p95(latencies),
        av_offset_ms_p95=report.p95(abs(offset) for at, offset in offsets_ms(caller, begin) if at <= end),
        levels=levels(caller)[: int(SETTLE_S + options.seconds)],
        recovered_s=recovered_s,
    )


def medians(turns: list[Turn]) -> dict[str, float]:
    """Return the median of each figure over the rounds."""
    return {name: report.median(getattr(one, name) for one in turns) for name in MEASURED}


def measure(clip: Path, rounds: int, options: Options) -> dict[str, float]:
    """Take turns; return the figures."""
    packets, samples = camera_packets(clip), microphone_samples(clip)
    turns: dict[str, list[Turn]] = {"auto": [], "fixed": []}
    for number in range(rounds):
        for quality in ("auto", "fixed") if number % 2 == 0 else ("fixed", "auto"):
            turns[quality].append(asyncio.run(turn(quality, packets, samples, options)))
            print(f"{quality}: {turns[quality][-1]}")
    middle = {quality: medians(held) for quality, held in turns.items()}
    report.table(
        ("quality", "fps", "latency p95 ms", "sound off p95 ms"),
        [(quality, *figures.values()) for quality, figures in middle.items()],
    )
    auto, fixed = middle["auto"], middle["fixed"]
    recovered = [one.recovered_s for one in turns["auto"]]
    return {
        "fps_ratio": auto["fps"] / fixed["fps"],
        "latency_p95_ratio": auto["latency_p95_ms"] / fixed["latency_p95_ms"],
        "latency_p95_ms": auto["latency_p95_ms"],
        "av_offset_ms_p95": auto["av_offset_ms_p95"],
        "fps": auto["fps"],
        **({"seconds_to_full_quality": report.median(recovered)} if options.seconds_after else {}),
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--seconds", type=float, default=20.0, help="length of what is measured (default 20)")
    arguments.add_argument("--seconds-after", type=float, default=20.0, help="and without the load (default 20)")
    arguments.add_argument("--rounds", type=int, default=3, help="(default 3)")
    arguments.add_argument("--busy", type=int, default=2, help="busy processes (default 2)")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays; its sound is the microphone's")
    arguments.add_argument("--avatar", default="mira", help="built-in face to show (default mira)")
    arguments.add_argument("--tier", default="auto", help="what draws it, as avatar serve takes it (default auto)")
    arguments.add_argument("--drive", default="camera", choices=("camera", "both"), help="both: with the voice's mouth")
    chosen = arguments.parse_args()
    clip = chosen.driver or test_clips(1, speech_only=True)[0]
    options = Options(chosen.seconds, chosen.seconds_after, chosen.busy, chosen.tier, chosen.avatar, chosen.drive)
    figures = measure(clip, chosen.rounds, options)
    report.finish(figures, bars(chosen.drive), chosen.json)


if __name__ == "__main__":
    main()
