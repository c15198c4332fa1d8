"""Pictures and sound on their way to a target, encoded as they come, by PyAV's muxers."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np

from avatar.errors import PublishError
from avatar.media.colour import to_i420
from avatar.media.fragmented_movie import whole_boxes_bytes
from avatar.media.pcm import I16
from avatar.media.publish_target import PublishTarget
from avatar.media.webrtc_certificate import write_p256_pair
from avatar.timing.rtp_clock import VIDEO_TIME_BASE, video_ticks
from avatar.types import U8

SOUND_RATE: Final = 48_000
KEY_EVERY_S: Final = 2
"""FFmpeg's muxers hear no request for a key picture, so there is one as often as players and services expect."""
CONNECT_MS: Final = 10_000
SRT_BRIDGE: Final = "ffmpeg -listen 1 -i rtmp://127.0.0.1:1935/live/avatar -c copy -f mpegts srt://HOST:PORT"
"""Takes RTMP on this machine and sends it on as it is."""


class StreamWriter:
    """One connection to a target, or one file. Every method blocks; use one thread at a time."""

    def __init__(self, target: PublishTarget, size: tuple[int, int], fps: int, *, bitrate_bps: int) -> None:
        """Connect, or create the file, for pictures of (width, height) pixels.

        Raises:
            PublishError: the target does not answer, or refuses; says why. `bad_target`: it never can be sent to.
        """
        self._target = target
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._last_ticks = self._last_sample = -1
        if target.container not in av.formats_available:
            raise PublishError(_lacking(target), code="bad_target")
        try:
            with self._plain_errors():
                self._container: Any = av.open(target.url, "w", format=target.container, options=self._options())
                self._add_streams(size, fps, bitrate_bps)
                self._container.start_encoding()
        except PublishError:
            self._clean_up()
            raise

    def picture(self, rgb: U8, time_s: float) -> None:
        """Send one (height, width, 3) RGB picture, shown from `time_s` on; one that is not later is left out.

        Raises PublishError once the target is gone.
        """
        ticks = video_ticks(time_s)
        if ticks <= self._last_ticks:
            return
        self._last_ticks = ticks
        frame = av.VideoFrame.from_ndarray(to_i420(rgb), format="yuv420p")
        frame.pts, frame.time_base = ticks, VIDEO_TIME_BASE
        with self._plain_errors():
            self._container.mux(self._video.encode(frame))

    def sound(self, samples: I16, time_s: float) -> None:
        """Send (n,) samples at 48 kHz of one channel, heard from `time_s` on. Raises PublishError, as `picture`."""
        at = max(round(time_s * SOUND_RATE), self._last_sample + 1)
        self._last_sample = at + len(samples) - 1
        # Both channels by hand: FFmpeg's resampler would make one channel 3 dB quieter in two.
        both = np.repeat(samples, 2)[None]
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
        with self._plain_errors():
            self._container.mux(self._sound.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._target.is_file and kind is None:
                self._finish_file()
                return
            with suppress(av.FFmpegError, OSError):  # a target that is gone cannot be said goodbye to
                if kind is None or not issubclass(kind, PublishError):
                    self._end_streams()
            with suppress(av.FFmpegError, OSError):
                self._container.close()
        finally:
            self._clean_up()

    def _finish_file(self) -> None:
        """Write what is held back. Raises PublishError where it did not all get there: FFmpeg is silent on the last."""
        with self._plain_errors():
            try:
                self._end_streams()
            finally:
                self._container.close()
            path = Path(self._target.url.removeprefix("file:"))
            if self._target.container in ("mp4", "mov") and whole_boxes_bytes(path) < path.stat().st_size:
                raise OSError(errno.EIO, "its end is missing, as on a full disk")

    def _end_streams(self) -> None:
        for stream in (self._video, self._sound):
            self._container.mux(stream.encode(None))

    def _options(self) -> dict[str, str]:
        options = dict(self._target.options)
        if self._target.container == "whip":
            # FFmpeg with GnuTLS makes itself a certificate of a curve that OpenSSL does not take.
            self._folder = tempfile.TemporaryDirectory(prefix="avatar-publish-")
            pair = write_p256_pair(Path(self._folder.name))
            options |= {"cert_file": str(pair.certificate), "key_file": str(pair.key)}
            options["handshake_timeout"] = str(CONNECT_MS)
        return options

    def _add_streams(self, size: tuple[int, int], fps: int, bitrate_bps: int) -> None:
        video: Any = self._container.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt, video.bit_rate = "yuv420p", bitrate_bps
        video.codec_context.time_base = VIDEO_TIME_BASE
        video.codec_context.gop_size = KEY_EVERY_S * fps
        video.profile = "Baseline"
        video.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "maxrate": str(bitrate_bps),
            "bufsize": str(bitrate_bps // 2),
        }
        sound: Any = self._container.add_stream(self._target.sound, rate=SOUND_RATE)
        sound.layout = "stereo"
        self._video, self._sound = video, sound

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Say what FFmpeg's words for it mean, with what it has logged."""
        with av.logging.Capture() as said:
            try:
                yield
            except av.error.ProtocolNotFoundError as error:
                raise PublishError(_lacking(self._target), code="bad_target") from error
            except (av.FFmpegError, OSError) as error:
                raise PublishError(_why(self._target, error, [line.strip() for _, _, line in said])) from error

    def _clean_up(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _lacking(target: PublishTarget) -> str:
    """Say what to do about a protocol, or a muxer, that FFmpeg was built without: trying again does not help."""
    protocol = "WHIP muxer" if target.container == "whip" else target.url.partition("://")[0]
    what = f"{target.shown}: this PyAV has no {protocol}"
    if protocol != "srt":
        return f"{what}. Install the one that Avatar asks for (pip install 'av>=18.1'), or publish to another target."
    return (
        f"{what}. Let an ffmpeg that has it (ffmpeg -protocols) hand the stream on: start `{SRT_BRIDGE}`, "
        "and publish to rtmp://127.0.0.1:1935/live/avatar. Or install PyAV on such an FFmpeg (pip install --no-binary "
        "av av)."
    )


def _why(target: PublishTarget, error: Exception, said: list[str]) -> str:
    strerror = getattr(error, "strerror", None) or str(error)
    detail = next((line for line in reversed(said) if line and target.url not in line), "")
    return f"{target.shown} {'cannot be written' if target.is_file else 'does not take the stream'}: {strerror}" + (
        f" ({detail[:200]})." if detail else "."
    )
