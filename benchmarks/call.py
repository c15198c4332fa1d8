"""A whole call on this machine: a camera clip in, the avatar back, beside an echo of the clip on the same transport.

Latency is measured per picture, from the moment the client's camera frame is handed to the network until all packets
of the picture it caused have come back. What the avatar adds is its latency less the echo's median. With `--drive
both` the voice moves the mouth too: pictures then wait for as long as the speech network listens ahead, which the bars
allow for. A long run: `--drive both --seconds 600`.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np

from avatar.motion.speech import LOOK_AHEAD_S
from benchmarks import report
from benchmarks.call_media import FPS, camera_packets, microphone_samples
from benchmarks.caller import Caller, watched
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

MOMENT_EVERY_S, LONG_EVERY_S, LONG_S = 0.5, 2.0, 120.0
"""How often sound is matched, and how often in a long call, so that the client's memory stays small."""
SETTLE_S = 3.0
"""The start of a call is left out: codecs and buffers find their feet."""


def bars(drive: str) -> dict[str, str]:
    """Return what the figures should be."""
    ahead_ms = 1e3 * LOOK_AHEAD_S if drive == "both" else 0.0
    return {
        "fps": ">= 28",
        "added_latency_ms_median": f"<= {45 + ahead_ms:.0f}",
        "added_latency_ms_p95": f"<= {80 + ahead_ms:.0f}",
        "added_latency_growth_ms": "about 0",
        "av_offset_ms_p95": "<= 40",
        "av_drift_ms": "within 10",
    }


async def call(
    server: ServerProcess, packets: list[bytes], samples: np.ndarray, query: str, seconds: float, label: str
) -> tuple[Caller, float, float]:
    """Hold one call; return it with the processor cores the server used and the time it began to count."""
    caller = Caller(server.url, packets, samples, moment_every_s=MOMENT_EVERY_S if seconds <= LONG_S else LONG_EVERY_S)
    await watched(caller.join(query), SETTLE_S, f"{label} (settling)")
    begin, cpu = time.monotonic(), server.cpu_s()
    await watched(asyncio.sleep(0), seconds, label)
    cores = (server.cpu_s() - cpu) / (time.monotonic() - begin)
    await caller.leave()
    return caller, cores, begin


def offsets_ms(caller: Caller, begin: float) -> list[tuple[float, float]]:
    """Return (arrival time, by how many ms the sound of that moment comes after its picture) over the call."""
    pictures = [pair for pair in caller.latencies() if pair[0] >= begin]
    if not pictures:
        return []
    times, latency = np.array(pictures).T
    return [
        (at, 1e3 * (sound_s - float(np.interp(at, times, latency))))
        for at, sound_s in caller.sound_latencies()
        if at >= begin
    ]


def drift_ms(offsets: list[tuple[float, float]]) -> float:
    """Return the median offset of the last minute less the first minute's; of thirds in a shorter call."""
    if not offsets:
        return float("nan")
    begin, end = offsets[0][0], offsets[-1][0]
    window = min(60.0, (end - begin) / 3)
    first = report.median(offset for at, offset in offsets if at <= begin + window)
    return report.median(offset for at, offset in offsets if at >= end - window) - first


async def measure(
    clip: Path, sound: Path | None, avatar: str, seconds: float, tier: str, drive: str
) -> dict[str, float]:
    """Run echo, avatar, echo; return the figures."""
    packets = camera_packets(clip)
    samples = microphone_samples(sound)
    with ServerProcess("--tier", tier) as server:
        short = max(10.0, min(20.0, seconds / 3))
        first, echo_cores, began = await call(server, packets, samples, f"avatar={avatar}&mode=echo", short, "echo")
        echo = [latency for at, latency in first.latencies() if at >= began]
        caller, cores, begin = await call(
            server, packets, samples, f"avatar={avatar}&width=512&height=512&drive={drive}", seconds, "avatar"
        )
        last, _, began = await call(server, packets, samples, f"avatar={avatar}&mode=echo", short, "echo")
        echo += [latency for at, latency in last.latencies() if at >= began]

    pictures = [(at, size) for _, at, size in caller.received.pictures if at >= begin]
    latencies = [(at, latency) for at, latency in caller.latencies() if at >= begin]
    base = report.median(echo)
    added = [1e3 * (latency - base) for _, latency in latencies]
    window = min(10.0, seconds / 3)
    early = report.median(1e3 * latency for at, latency in latencies if at < begin + window)
    late = report.median(1e3 * latency for at, latency in latencies if at >= latencies[-1][0] - window)
    offsets = offsets_ms(caller, begin)
    gaps = np.diff([at for at, _ in pictures]) * 1e3
    report.table(
        ("", "pictures", "median ms", "p95 ms", "server cores"),
        [
            ("echo", len(echo), 1e3 * base, 1e3 * report.p95(echo), echo_cores),
            ("avatar", len(latencies), 1e3 * report.median(x for _, x in latencies),
             1e3 * report.p95(x for _, x in latencies), cores),
        ],
    )  # fmt: skip
    stats = [message for message in caller.received.messages if message["type"] == "stats"]
    if stats:
        print(f"\nthe server's own figures, last second: {stats[-1]}")
    print(f"picture sizes received: {sorted({size for _, size in pictures})}, longest gap {gaps.max():.0f} ms")
    median_ms = report.median(offset for _, offset in offsets)
    print(f"sound after picture: median {median_ms:.1f} ms over {len(offsets)} moments")
    return {
        "fps": (len(pictures) - 1) / (pictures[-1][0] - pictures[0][0]),
        "added_latency_ms_median": report.median(added),
        "added_latency_ms_p95": report.p95(added),
        "added_latency_growth_ms": late - early,
        "av_offset_ms_p95": report.p95(abs(offset) for _, offset in offsets),
        "av_drift_ms": drift_ms(offsets),
        "server_cpu_cores": cores,
        "echo_latency_ms_median": 1e3 * base,
        "echo_latency_ms_p95": 1e3 * report.p95(echo),
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--seconds", type=float, default=60.0, help="length of the avatar's call (default 60)")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays; its sound is the microphone's")
    arguments.add_argument("--avatar", default="mira", help="built-in face to show (default mira)")
    arguments.add_argument("--tier", default="auto", help="what draws it, as avatar serve takes it (default auto)")
    arguments.add_argument("--drive", default="camera", choices=("camera", "both"), help="both: with the voice's mouth")
    chosen = arguments.parse_args()
    clip = chosen.driver or test_clips(1, speech_only=True)[0]
    print(f"camera: {clip.name} as 640 x 480 at {FPS} fps; avatar {chosen.avatar} at 512 x 512\n")
    figures = asyncio.run(measure(clip, clip, chosen.avatar, chosen.seconds, chosen.tier, chosen.drive))
    report.finish(figures, bars(chosen.drive), chosen.json)


if __name__ == "__main__":
    main()
