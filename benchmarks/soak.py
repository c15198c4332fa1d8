"""A long call, or many short ones: does the server's memory or latency grow, do sound and picture drift apart?

One call, moved by a camera and a voice, is held for as long as asked for. What other programs do with the machine shows
in the latency too: the load stands beside it. With `--batches N`, N times four calls at once of a few seconds each; a
little after each batch the server's memory is read again. That needs no clip.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.call_media import camera_packets, microphone_samples, still_packets
from benchmarks.caller import Caller
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess
from benchmarks.sound_delay import MOMENT, sound_latencies

BARS = {"rss_growth_mb": "< 20", "latency_p95_growth_ms": "about 0", "av_drift_ms": "< 10"}
BATCH_BARS = {"rss_kept_after_calls_mb": "< 150", "rss_growth_per_call_mb": "< 2"}
BATCH, CALL_S, REST_S = 4, 5.0, 4.0
"""Calls at once, how long each is, and how long after them memory is read."""
FIRST_S = 300.0
"""The first minutes warm up; growth counts after them."""
SILENT_S = 60.0
"""A call that shows nothing for so long is over."""
SOUND_EVERY_S = 5.0
"""Of the sound that comes back half a second is looked at so often."""


@dataclass
class Samples:
    """What was seen, each with its time in seconds from the begin of the call."""

    rss_mb: list[tuple[float, float]] = field(default_factory=list)
    load: list[tuple[float, float]] = field(default_factory=list)
    """Of the machine, programs that want a core, over the last minute."""
    picture_ms: list[tuple[float, float]] = field(default_factory=list)
    sound_ms: list[tuple[float, float]] = field(default_factory=list)

    def between(self, begin: float, end: float) -> dict[str, list[float]]:
        """Return the values of a span by their names."""
        return {
            name: [value for at, value in pairs if begin <= at < end]
            for name, pairs in (
                ("rss", self.rss_mb), ("load", self.load), ("picture", self.picture_ms), ("sound", self.sound_ms)
            )
        }  # fmt: skip


async def soak(clip: Path, avatar: str, minutes: float) -> dict[str, float]:
    """Hold one call for `minutes`, sampling memory once a second."""
    samples = microphone_samples(clip)
    seconds = 60 * minutes
    warm_s = min(FIRST_S, seconds / 4)
    seen = Samples()
    with ServerProcess("--call-s", str(int(seconds) + 600)) as server:
        caller = Caller(server.url, camera_packets(clip), samples, moment_every_s=SOUND_EVERY_S)
        await caller.join(f"avatar={avatar}&width=512&height=512&drive=both")
        begin, count, last_s = time.monotonic(), 0, 0.0
        while (at := time.monotonic() - begin) < seconds:
            seen.rss_mb.append((at, server.rss_mb()))
            seen.load.append((at, os.getloadavg()[0]))
            seen.sound_ms += [(when - begin, 1e3 * late) for when, late in _taken_sound(caller, samples)]
            if sys.stdout.isatty():
                print(f"\r{at:5.0f} of {seconds:.0f} s, {seen.rss_mb[-1][1]:.0f} MB", end="", flush=True)
            if (pictures := len(caller.received.pictures)) > count:
                count, last_s = pictures, at
            if at - last_s > SILENT_S:
                break
            await asyncio.sleep(1)
        print()
        ended = [str(message) for message in caller.received.messages if message["type"] == "bye"]
        if at < seconds - 1:
            ended.append(f"No picture has come since {last_s:.0f} s. The server's log:\n{server.log()[-2000:]}")
        await caller.leave()
    seen.picture_ms = [(at - begin, 1e3 * latency) for at, latency in caller.latencies()]
    step = max(warm_s, 1.0)
    rows = []
    for start in np.arange(0, seconds, step):
        span = seen.between(start, start + step)
        picture, sound = report.median(span["picture"]), report.median(span["sound"])
        load = report.mean(span["load"])
        rows.append(
            (f"{start:.0f} s", report.median(span["rss"]), picture, report.p95(span["picture"]), sound - picture, load)
        )
    report.table(("from", "resident MB", "latency median ms", "p95 ms", "sound later by ms", "load"), rows)
    print("\n".join(ended))
    early, late = seen.between(warm_s, warm_s + step), seen.between(seconds - step, seconds)
    offset = {
        name: report.median(span["sound"]) - report.median(span["picture"])
        for name, span in (("early", early), ("late", late))
    }
    return {
        "rss_growth_mb": report.median(late["rss"][-60:]) - report.median(early["rss"][:60]),
        "latency_p95_growth_ms": report.p95(late["picture"]) - report.p95(early["picture"]),
        "av_drift_ms": abs(offset["late"] - offset["early"]),
        "sound_later_ms": offset["late"],
        "rss_mb": seen.rss_mb[-1][1],
        "latency_ms_p95": report.p95(latency for at, latency in seen.picture_ms if at >= warm_s),
        "pictures": float(len(caller.received.pictures)),
        "fps": len(caller.received.pictures) / seconds,
        "ended_early": float(len(ended)),
    }


def _taken_sound(caller: Caller, said: np.ndarray) -> list[tuple[float, float]]:
    """Return the latencies of the sound that has come, and let go of it: the client must not grow either."""
    blocks = caller.received.sound
    whole = len(blocks) - len(blocks) % MOMENT
    if not whole or caller.microphone is None or caller.microphone.begin_s is None:
        return []
    found = sound_latencies(said, caller.microphone.begin_s, blocks[:whole])
    del blocks[:whole]
    return found


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
