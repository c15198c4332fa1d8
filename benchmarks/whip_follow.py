"""A camera sent by FFmpeg's WHIP muxer, an avatar watched by WHEP: does the avatar turn as the camera's face does?

FFmpeg (by PyAV) sends a clip's picture and sound to a real server as an OBS would. A watcher receives the avatar by the
call's link. MediaPipe measures how far the head is turned in the clip and in what the watcher has received; Pearson's r
of the two over time, at the delay that makes it highest, which is told too. Without a clip, a built-in face turns left
and right, ever faster, so that no delay but the right one fits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from avatar.media.audio import SOUND_RATE, audio_blocks
from avatar.media.video import clip_frames
from avatar.media.webrtc_certificate import write_p256_pair
from avatar.stream.tuning.aiortc_tuning import gather_loopback_only
from avatar.types import U8
from benchmarks import report
from benchmarks.clients.client import WHIP_MUXER
from benchmarks.fixed_media import turning, write_clip
from benchmarks.follow import SIGNALS, Measurer
from benchmarks.server_process import ServerProcess

BARS: Final = {"r_yaw": ">= 0.9"}
LINK: Final = "watched-by-the-benchmark"
SIDE: Final = 256
CONNECT_S: Final = 30.0
DELAYS_S: Final = np.arange(0.0, 3.0, 0.02)
"""Those that are tried; far more than there is, but for a machine that has no time."""
FEWEST: Final = 20
"""Pictures that can be compared."""
_YAW: Final = SIGNALS.index("yaw")


@dataclass(slots=True)
class Watched:
    """What a watcher has received."""

    stamps_s: list[float] = field(default_factory=list)
    """Of each picture, by its RTP timestamp; the first is 0."""
    arrivals_s: list[float] = field(default_factory=list)
    """time.monotonic() when it had come."""
    pictures: list[U8] = field(default_factory=list)
    sound: list[np.ndarray] = field(default_factory=list)
    """Blocks of samples, int16."""
    film_begins_s: float = 0.0
    """time.monotonic() when FFmpeg sent the film's first packet."""

    def times_s(self) -> np.ndarray:
        """Return when each picture came, since the film's beginning, without the jitter of its way."""
        stamps = np.array(self.stamps_s)
        return stamps + float(np.median(np.array(self.arrivals_s) - stamps)) - self.film_begins_s


@dataclass(frozen=True, slots=True)
class Followed:
    """How well the watcher's avatar follows the camera's face."""

    r_yaw: float
    delay_s: float
    """From a picture's being sent to that of the avatar's being decoded."""


def write_film(clip: Path, to: Path, seconds: float) -> None:
    """Write a clip's first seconds as FFmpeg's muxer sends them on: H.264 as WebRTC has it, and Opus."""
    with av.open(str(to), "w", format="matroska") as film:
        video: Any = film.add_stream("libx264", rate=30, options={"preset": "superfast", "tune": "zerolatency"})
        frames = clip_frames(clip, until_s=seconds)
        first = next(frames)
        video.height, video.width = (side // 2 * 2 for side in first[1].shape[:2])
        video.pix_fmt, video.profile, video.bit_rate = "yuv420p", "Baseline", 1_500_000
        video.codec_context.gop_size = 30
        video.codec_context.time_base = Fraction(1, 1000)
        sound: Any = film.add_stream("libopus", rate=SOUND_RATE, layout="stereo")
        for time_s, rgb in (first, *frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[: video.height, : video.width]), format="rgb24")
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
        at = 0
        for block in filter(lambda block: block.size, audio_blocks(clip)):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32), format="fltp", layout="stereo")
            piece.sample_rate, piece.pts, piece.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
            film.mux(sound.encode(piece))
            at += block.shape[1]
        film.mux(sound.encode(None))


async def watch_film(server_url: str, film: Path, seconds: float, *, avatar: str = "mira") -> Watched:
    """Have FFmpeg send a film to a server, and watch the avatar until it ends."""
    whip = f"{server_url}whip?avatar={avatar}&drive=both&width={SIDE}&height={SIDE}&watch={LINK}"
    with tempfile.TemporaryDirectory(prefix="avatar-whip-follow-") as folder:
        pair = write_p256_pair(Path(folder))
        orders = {
            "camera": str(film), "whip": whip, "seconds": seconds, "cert_file": str(pair.certificate),
            "key_file": str(pair.key),
        }  # fmt: skip
        sender = subprocess.Popen(  # noqa: ASYNC220 - it takes a moment
            [*WHIP_MUXER, json.dumps(orders)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            async with _watching(f"{server_url}whep/{LINK}", sender) as watched:
                said, errors = await asyncio.to_thread(sender.communicate, timeout=seconds + CONNECT_S)
        finally:
            sender.kill()
    result: dict[str, Any] = json.loads(said.splitlines()[-1]) if said.strip() else {"failure": errors[-2000:]}
    if result["failure"]:
        raise SystemExit(f"FFmpeg has not sent the film to its end: {result['failure']}")
    watched.film_begins_s = result["film_begins_s"]
    return watched


@contextlib.asynccontextmanager
async def _watching(whep: str, sender: subprocess.Popen[str]) -> AsyncIterator[Watched]:
    connection, watched = RTCPeerConnection(RTCConfiguration([])), Watched()
    tasks: list[asyncio.Task[None]] = []
    keep: dict[str, Callable[[Any], None]] = {
        "video": lambda frame: _keep_picture(watched, frame),
        "audio": lambda frame: watched.sound.append(frame.to_ndarray()),
    }
    connection.on("track", lambda track: tasks.append(asyncio.create_task(_take_all(track, keep[track.kind]))))
    try:
        for kind in ("video", "audio"):
            connection.addTransceiver(kind, direction="recvonly")
        gather_loopback_only(connection)
        await connection.setLocalDescription(await connection.createOffer())
        answer = await asyncio.to_thread(_post_until_there, whep, connection.localDescription.sdp, sender)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        yield watched
    finally:
        await connection.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _take_all(track: MediaStreamTrack, keep: Callable[[Any], None]) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            keep(await track.recv())


def _keep_picture(watched: Watched, frame: av.VideoFrame) -> None:
    watched.arrivals_s.append(time.monotonic())
    watched.stamps_s.append(float((frame.pts or 0) * (frame.time_base or Fraction(1, 90_000))))
    watched.pictures.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))


def _post_until_there(whep: str, offer: str, sender: subprocess.Popen[str]) -> str:
    """Return the answer, once there is a call to watch."""
    request = urllib.request.Request(whep, offer.encode(), {"Content-Type": "application/sdp"})  # noqa: S310 - ours
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline_s = time.monotonic() + CONNECT_S
    while True:
        try:
            with direct.open(request, timeout=CONNECT_S) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() > deadline_s or sender.poll() is not None:
                raise
        time.sleep(0.05)


def compare(film: Path, watched: Watched, *, every: int = 2) -> Followed:
    """Return how the heads turn together, measured in every second picture."""
    camera = _yaws([(time_s, rgb) for time_s, rgb in clip_frames(film)][::every])
    avatar = _yaws(list(zip(watched.times_s().tolist(), watched.pictures, strict=True))[::every])
    return best_delay(camera, avatar)


def _yaws(pictures: Sequence[tuple[float, U8]]) -> np.ndarray:
    """Return (n, 2): seconds and degrees, of those pictures that have a face."""
    measurer = Measurer()
    try:
        measured = np.array([(time_s, measurer.measure(rgb, time_s)[_YAW]) for time_s, rgb in pictures])
    finally:
        measurer.close()
    return np.asarray(measured[np.isfinite(measured[:, 1])])


def best_delay(camera: np.ndarray, avatar: np.ndarray) -> Followed:
    """Compare two (n, 2) courses of seconds and degrees, the second of which may be late; before its film, it idles."""
    return max((_at(camera, avatar, float(delay_s)) for delay_s in DELAYS_S), key=lambda followed: followed.r_yaw)


def _at(camera: np.ndarray, avatar: np.ndarray, delay_s: float) -> Followed:
    times_s = avatar[:, 0] - delay_s
    during = (times_s >= camera[0, 0]) & (times_s <= camera[-1, 0])
    if during.sum() < FEWEST:
        return Followed(-1.0, delay_s)
    wanted = np.interp(times_s[during], camera[:, 0], camera[:, 1])
    return Followed(float(np.corrcoef(wanted, avatar[during, 1])[0, 1]), delay_s)


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--driver", type=Path, help="a clip of one face (default: a built-in face that turns)")
    arguments.add_argument("--face", default="mira", help="an .avatar file on the server, or a built-in id")
    arguments.add_argument("--seconds", type=float, default=10.0, help="of the clip (default 10)")
    arguments.add_argument("--tier", default="auto", help="what draws (default: as calls choose)")
    chosen = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="avatar-whip-follow-") as folder,
        ServerProcess("--tier", chosen.tier) as server,
    ):
        clip, film = chosen.driver or Path(folder) / "clip.mp4", Path(folder) / "film.mkv"
        if chosen.driver is None:
            write_clip(clip, chosen.seconds, sound=True, act=turning)
        write_film(clip, film, chosen.seconds)
        watched = asyncio.run(watch_film(server.url, film, chosen.seconds, avatar=chosen.face))
        followed = compare(film, watched)
    loudness = float(np.sqrt(np.mean(np.concatenate([b.ravel() for b in watched.sound]).astype(float) ** 2)))
    figures = {
        "r_yaw": followed.r_yaw,
        "delay_ms": 1000 * followed.delay_s,
        "pictures_per_s": (len(watched.stamps_s) - 1) / (watched.stamps_s[-1] - watched.stamps_s[0]),
        "sound_level": loudness,
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
