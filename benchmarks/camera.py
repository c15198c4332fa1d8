"""The virtual camera: how many pictures a second, and how much later than its camera frame does each reach the device?

A real clip plays as the camera, over and over, and the pictures go through pyvirtualcam to a device that keeps them.
The latency of a picture is the time from its camera frame's coming to the device's having taken the picture; the
clip's own decoding is not part of it, but takes its share of the processor, as a camera's does. Drift is the median of
the last ten seconds less that of the first ten. The first two seconds are left out: the face is being found.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import psutil

from avatar.config import PictureSettings, can_be_sent, picture_size
from avatar.generator.tiers import live_tier
from avatar.sdk.whip_client import WhipClient
from avatar.types import Picture
from avatar.virtual_camera.broadcast import Broadcast, Inputs, OpenDrawing
from avatar.virtual_camera.device import VirtualCamera
from avatar.virtual_camera.drawing import LocalDrawing
from avatar.virtual_camera.remote_drawing import RemoteDrawing
from benchmarks import recording_camera, report
from benchmarks.media import test_clips
from benchmarks.server_process import ServerProcess

WARM_UP_S = 2.0
DRIFT_S = 10.0
BARS = {"fps": ">= 28", "latency_ms_median": "<= 45", "drift_ms": "about 0"}


class TimedSink:
    """Passes pictures on to a device, and keeps (time, latency) of each that answers a camera frame, seconds."""

    def __init__(self) -> None:
        self.left: list[tuple[float, float]] = []

    def on_sent(self, picture: Picture, sent_s: float) -> None:
        """Keep a picture's time."""
        if picture.capture is not None:
            self.left.append((sent_s, sent_s - picture.capture.arrival_s))


class TimedBroadcast(Broadcast):
    """A broadcast that keeps every latency, not only those of the last seconds."""

    timed: TimedSink

    def _on_sent(self, picture: Picture, sent_s: float) -> None:
        self.timed.on_sent(picture, sent_s)
        super()._on_sent(picture, sent_s)


def measure(clip: Path, face: str, picture: PictureSettings, seconds: float, server: str | None) -> dict[str, float]:
    """Return the figures of one run."""
    recording_camera.register()
    size = (picture.width, picture.height)
    with VirtualCamera.open(size, picture.fps, backend=recording_camera.BACKEND) as device:
        broadcast = TimedBroadcast(
            Inputs(clip=clip), _drawing(face, picture, server), device, picture.fps, faces=(face,)
        )
        broadcast.timed = timed = TimedSink()
        with broadcast.running():
            time.sleep(WARM_UP_S)
            process = psutil.Process()
            begin_s, cpu_s = time.monotonic(), sum(process.cpu_times()[:2])
            broadcast.wait(seconds)
            end_s, cpu_s = time.monotonic(), sum(process.cpu_times()[:2]) - cpu_s
            figures = broadcast.figures()
    left = [(at, 1e3 * latency) for at, latency in timed.left if begin_s <= at <= end_s]
    latencies = [latency for _, latency in left]
    first = [latency for at, latency in left if at < begin_s + DRIFT_S]
    last = [latency for at, latency in left if at > end_s - DRIFT_S]
    return {
        "fps": len(left) / (end_s - begin_s),
        "latency_ms_median": report.median(latencies),
        "latency_ms_p95": report.p95(latencies),
        "drift_ms": report.median(last) - report.median(first),
        "repeated": float(figures.repeated),
        "cores": cpu_s / (end_s - begin_s),
    }


def _drawing(face: str, picture: PictureSettings, server: str | None) -> OpenDrawing:
    if server is not None:
        client = WhipClient(server, os.environ.get("AVATAR_TOKEN") or None)
        return lambda *, on_picture, on_failure, on_note: RemoteDrawing(  # noqa: ARG005
            client, face, picture, "camera", on_picture=on_picture, on_note=on_note
        )
    return lambda *, on_picture, on_failure, on_note: LocalDrawing(
        face, picture, "camera", on_picture=on_picture, on_failure=on_failure, on_note=on_note
    )


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--driver", type=Path, help="a clip of one face, 30 pictures a second")
    arguments.add_argument("--face", default="mira", help="an .avatar file, photo or built-in id")
    arguments.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    arguments.add_argument("--size", default="960x540", help="of the pictures (default 960x540, the command's own)")
    arguments.add_argument("--tier", default="auto", help="what draws (default: as calls choose)")
    arguments.add_argument(
        "--server", nargs="?", const="", metavar="URL", help="let a server draw; without URL, start one here"
    )
    chosen = arguments.parse_args()
    width, height = picture_size(chosen.size)
    assert can_be_sent(width, height)
    clip = chosen.driver or test_clips(1)[0]
    picture = PictureSettings(width, height, tier=live_tier(chosen.tier, "auto"))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ServerProcess()).url if chosen.server == "" else chosen.server
        figures = measure(clip, chosen.face, picture, chosen.seconds, server)
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
