"""How long a person waits: for an avatar of their photo, for the server, for the first picture of a call."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.call_media import camera_packets
from benchmarks.caller import Caller
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

BARS = {"enroll_s": "<= 1.5", "ready_s": "<= 6", "first_frame_ms": "<= 500"}
ENROL = """
import sys, time
from avatar.config import LimitSettings
from avatar.generator.enrol import enrol
from avatar.media.photo import read_photo
photo = open(sys.argv[1], "rb").read()
begin = time.perf_counter()
enrol([read_photo(photo, LimitSettings())])
print(time.perf_counter() - begin)
"""
"""Enrols one photo in a process that has done nothing yet: the first photo is the slowest."""


def enrol_seconds(photo: Path) -> float:
    """Return how long enrolling one photo takes in a fresh process, decoding included, imports not."""
    run = subprocess.run([sys.executable, "-c", ENROL, str(photo)], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])


async def first_picture_ms(server: ServerProcess, packets: list[bytes], avatar: str) -> float:
    """Return the time from the connection being up to the first avatar picture."""
    caller = Caller(server.url, packets, None)
    await caller.join(f"avatar={avatar}")
    try:
        await asyncio.wait_for(caller.received.first_picture.wait(), 20)
    except TimeoutError:
        raise SystemExit("No picture came back within 20 s.") from None
    finally:
        await caller.leave()
    return 1e3 * (caller.received.pictures[0][1] - caller.connected_s)


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--runs", type=int, default=5, help="repetitions of each (default 5)")
    arguments.add_argument("--photo", type=Path, help="photo to enrol")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays")
    arguments.add_argument("--avatar", default="mira", help="built-in face to show (default mira)")
    chosen = arguments.parse_args()
    photo = chosen.photo or builtin_faces()[0].image
    packets = camera_packets(chosen.driver or test_clips(1)[0], seconds=3.0)

    enrolled, ready, first = [], [], []
    for run in range(chosen.runs):
        print(f"run {run + 1} of {chosen.runs}", flush=True)
        enrolled.append(enrol_seconds(photo))
        with ServerProcess() as server:
            ready.append(server.ready_s)
            time.sleep(2)  # the built-in faces are made in the background
            first.append(asyncio.run(first_picture_ms(server, packets, chosen.avatar)))
    rows = [
        ("enrol one photo (s)", enrolled),
        ("server start to ready (s)", ready),
        ("connected to picture (ms)", first),
    ]
    report.table(("", "median", "p95", "runs"), [(name, report.median(x), report.p95(x), len(x)) for name, x in rows])
    figures = {
        "enroll_s": report.median(enrolled),
        "ready_s": report.median(ready),
        "first_frame_ms": report.median(first),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
