"""Pictures and sound into an MP4, through PyAV."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np

from avatar.errors import MediaError
from avatar.media.audio import SOUND_RATE
from avatar.media.colour import to_i420
from avatar.timing.rtp_clock import VIDEO_TIME_BASE, video_ticks
from avatar.types import F32, U8

LONGEST_STEM: Final = 200
"""Bytes of a movie's name that the name of its unfinished file keeps: file systems take 255."""


class MovieWriter:
    """Writes pictures and sound to an MP4 (H.264, AAC); the file appears under its name only once it is whole."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        *,
        sound: bool,
        finish: Callable[[Path], None] = lambda _: None,
    ) -> None:
        """Open a movie of (width, height) pixels. `finish` is given it once it is whole, before it has its name.

        Raises:
            MediaError: the folder cannot be written to.
        """
        self._path, self._finish_file = path, finish
        stem = os.fsdecode(os.fsencode(path.stem)[:LONGEST_STEM])
        self._part = path.with_name(f"{stem}.{secrets.token_hex(4)}.part.mp4")
        with self._plain_errors():
            self._part.open("xb").close()
            # Named as a file: with a colon in it FFmpeg would take the name for an address.
            self._container: Any = av.open(f"file:{self._part}", "w", format="mp4")
        self._video: Any = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = VIDEO_TIME_BASE
        # One thread: the same input gives the same bytes on every machine.
        self._video.codec_context.thread_count = 1
        self._video.options = {"crf": "18", "preset": "veryfast"}
        self._sound: Any = self._container.add_stream("aac", rate=SOUND_RATE) if sound else None
        if self._sound is not None:
            self._sound.layout = "stereo"

    def picture(self, rgb: U8, time_s: float) -> None:
        """Add one (height, width, 3) RGB picture, shown from `time_s` on."""
        frame = av.VideoFrame.from_ndarray(to_i420(rgb), format="yuv420p")
        frame.pts, frame.time_base = video_ticks(time_s), VIDEO_TIME_BASE
        with self._plain_errors():
            self._container.mux(self._video.encode(frame))

    def sound(self, samples: F32, at_sample: int) -> None:
        """Add (2, n) float samples at 48 kHz that start at sample number `at_sample`."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at_sample, Fraction(1, SOUND_RATE)
        with self._plain_errors():
            self._container.mux(self._sound.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                with self._plain_errors():
                    self._finish()
        finally:
            with suppress(av.FFmpegError, OSError):  # what went wrong before matters more
                self._container.close()
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        for stream in filter(None, (self._video, self._sound)):
            self._container.mux(stream.encode(None))
        self._container.close()
        self._finish_file(self._part)
        self._part.replace(self._path)

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"Cannot write {self._path}: {getattr(error, 'strerror', None) or error}.") from error
