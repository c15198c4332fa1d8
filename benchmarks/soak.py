"""A long call, or many short ones: does the server's memory or latency grow?

With `--batches N`, N times four calls at once of a few seconds each; a little after each batch the server's memory is
read again. It needs no clip.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.caller import Caller, camera_packets, microphone_samples, still_packets
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

BARS = {"rss_growth_mb": "< 40", "latency_growth_ms": "about 0"}
BATCH_BARS = {"rss_kept_after_calls_mb": "< 150", "rss_growth_per_call_mb": "< 2"}
BATCH, CALL_S, REST_S = 4, 5.0, 4.0
"""Calls at once, how long each is, and how long after them memory is read."""
FIRST_S = 60.0
"""The first minute warms up; growth counts after it."""


async def soak(clip: Path, avatar: str, minutes: float) -> dict[str, float]:
    """Hold one call for `minutes`, sampling memory once a second."""
    packets = camera_packets(clip)
    samples = microphone_samples(clip)
    seconds = 60 * minutes
    warm_s = min(FIRST_S, seconds / 4)
    rss: list[tuple[float, float]] = []
    rows: list[tuple[str, float, float, float]] = []
    with ServerProcess() as server:
        caller = Caller(server.url, packets, samples)
        await caller.join(f"avatar={avatar}&width=512&height=512")
        begin = time.monotonic()
        while (at := time.monotonic() - begin) < seconds:
            rss.append((at, server.rss_mb()))
            caller.received.sound.clear()  # the client must not grow either: only pictures are looked at here
            if sys.stdout.isatty():
                print(f"\r{at:5.0f} of {seconds:.0f} s, {rss[-1][1]:.0f} MB", end="", flush=True)
            await asyncio.sleep(1)
        print()
        await caller.leave()
    latencies = [(at - begin, 1e3 * latency) for at, latency in caller.latencies()]
    step = max(warm_s, 1.0)
    for start in np.arange(0, seconds, step):
        inside = [latency for at, latency in latencies if start <= at < start + step]
        memory = [mb for at, mb in rss if start <= at < start + step]
        rows.append((f"{start:.0f} s", report.median(memory), report.median(inside), report.p95(inside)))
    report.table(("from", "resident MB", "latency median ms", "p95 ms"), rows)
    after = [mb for at, mb in rss if at >= warm_s]
    late = [latency for at, latency in latencies if at >= seconds - step]
    early = [latency for at, latency in latencies if warm_s <= at < warm_s + step]
    return {
        "rss_growth_mb": report.median(after[-5:]) - report.median(after[:5]),
        "latency_growth_ms": report.p95(late) - report.p95(early),
        "rss_mb": after[-1],
        "latency_ms_p95": report.p95(latency for at, latency in latencies if at >= warm_s),
        "pictures": float(len(caller.received.pictures)),
    }


async def many_calls(avatar: str, batches: int) -> dict[str, float]:
    """Hold batches of short calls; return what they leave behind. The last half is for growth: the first warms up."""
    face = next((face for face in builtin_faces() if face.id == avatar), builtin_faces()[0])
    with Image.open(face.image) as image:
        packets = still_packets(np.asarray(image.convert("RGB")), 1.0)
    after: list[float] = []
    highest = 0.0
    with ServerProcess() as server:
        await asyncio.sleep(CALL_S)  # the built-in faces are made
        begin = server.rss_mb()
        for batch in range(batches):
            callers = [Caller(server.url, packets, None) for _ in range(BATCH)]
            for caller in callers:
                await caller.join(f"avatar={face.id}&width=512&height=512")
            await asyncio.sleep(CALL_S)
            during = server.rss_mb()
            await asyncio.gather(*(caller.leave() for caller in callers))
            await asyncio.sleep(REST_S)
            after.append(server.rss_mb())
            highest = max(highest, during)
            print(f"batch {batch + 1}: {during:.0f} MB during, {after[-1]:.0f} MB afterwards", flush=True)
    late = after[batches // 2 :]
    return {
        "rss_before_calls_mb": begin,
        "rss_highest_mb": highest,
        "rss_after_calls_mb": after[-1],
        "rss_kept_after_calls_mb": after[-1] - begin,
        "rss_growth_per_call_mb": (late[-1] - late[0]) / (BATCH * max(len(late) - 1, 1)),
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--minutes", type=float, default=10.0, help="length of the call (default 10)")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays")
    arguments.add_argument("--avatar", default="mira", help="built-in face to show (default mira)")
    arguments.add_argument("--batches", type=int, metavar="N", help="N times four short calls instead of a long one")
    chosen = arguments.parse_args()
    if chosen.batches:
        report.finish(asyncio.run(many_calls(chosen.avatar, chosen.batches)), BATCH_BARS, chosen.json)
        return
    clip = chosen.driver or test_clips(1, speech_only=True)[0]
    report.finish(asyncio.run(soak(clip, chosen.avatar, chosen.minutes)), BARS, chosen.json)


if __name__ == "__main__":
    main()
