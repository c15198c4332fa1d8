"""Frames of an avatar into an MP4, as they are taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from avatar.config.checks import check_whole
from avatar.errors import ClosedError, MediaError
from avatar.media.audio import SOUND_RATE
from avatar.media.colour import to_i420
from avatar.media.pcm import SampleQueue
from avatar.media.recording import Recording, RecordingState
from avatar.sdk.frames import Frame, VideoFrame


class FrameRecorder:
    """Records frames without making who takes them wait; the file plays up to its last second whatever ends it.

    with FrameRecorder("talk.mp4") as recorder:
        async for frame in avatar:
            recorder.write(frame)
    """

    def __init__(self, path: str | Path, *, fps: int = 30, finish: Callable[[Path], None] = lambda _: None) -> None:
        """Prepare a recording; the first picture begins it and says its size.

        Args:
            path: a file that is not there yet.
            fps: pictures a second of the avatar.
            finish: given the file once it is whole and closed, in another thread: to be signed, say
                (`avatar.sdk.file_signing.finish_of`).

        Raises:
            MediaError: the file is there already.
            SettingsError: a rate that cannot be.
        """
        check_whole("fps", fps, 1, 60)
        self._path, self._fps, self._finish = Path(path), fps, finish
        if self._path.exists():
            raise MediaError(f"Cannot write {self._path}: it exists. Name another file, or remove that one.")
        self._recording: Recording | None = None
        self._resampled = SampleQueue(SOUND_RATE)
        self._now_s = 0.0
        self._closed = False

    def write(self, frame: Frame) -> None:
        """Add a frame. Sound before the first picture is left out.

        Raises:
            MediaError: the file cannot be written: the disk is full, say. What was written until then plays.
            ClosedError: the recording has been closed.
        """
        if self._closed:
            raise ClosedError(f"{self._path} was closed and takes no more frames: record into another file.")
        self._now_s = frame.time_s
        if isinstance(frame, VideoFrame):
            i420 = to_i420(frame.rgb)
            if self._recording is None:
                size = (i420.shape[1], i420.shape[0] * 2 // 3)
                self._recording = Recording(self._path, size, self._fps, finish=self._finish, clock=lambda: self._now_s)
            self._recording.picture(i420, frame.time_s)
        elif self._recording is not None:
            self._resampled.push(frame.samples, frame.sample_rate)
            samples = self._resampled.take(len(self._resampled))
            self._recording.sound(np.repeat(samples[:, None], 2, axis=1), frame.time_s)
        if self._recording is not None and (failure := self._recording.state.failure) is not None:
            raise MediaError(failure)

    def close(self) -> RecordingState | None:
        """End the file and return how it ended; None: nothing was written. Idempotent; blocks for a moment."""
        self._closed = True
        return None if self._recording is None else self._recording.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
