"""A recording of what is shown and heard just now: written by a thread of its own, so that nobody waits for a disk."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avatar.errors import AvatarError, MediaError
from avatar.media.fragmented_movie import FragmentedMovie
from avatar.media.pcm import I16
from avatar.timing.stage_thread import StageThread
from avatar.types import U8

logger = logging.getLogger(__name__)

PICTURES_WAITING: Final = 15
"""Pictures that may wait for the encoder or the disk; the oldest goes first, and the sound stays."""
SOUNDS_WAITING: Final = 500
"""Pieces of sound that may wait, ten seconds in a call: then the disk has stopped, and the oldest goes."""

ROOM_EVERY_S: Final = 1.0
"""How often it is asked whether there may be more."""


@dataclass(frozen=True, slots=True)
class RecordingState:
    """How far a recording has come."""

    path: Path
    seconds: float
    """Since its beginning, until now or its end."""
    pictures: int
    """In the file."""
    dropped: int
    """Pictures and pieces of sound that are not in it, as writing was too slow."""
    ended: bool
    failure: str | None
    """Why it ended by itself, in words; None: it did not."""
    kept: bool = True
    """False: it ended before there was anything to record, and left no file."""


class Recording:
    """Writes one file. Pictures and sound may come from any thread, and never wait."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: int,
        *,
        on_failure: Callable[[str], None] = lambda _: None,
        why_no_more: Callable[[], str | None] = lambda: None,
        finish: Callable[[Path], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a recording; its first moment is now.

        Args:
            path: a file that is not there yet; it becomes an MP4, whatever its name.
            size: (width, height) of it in pixels, both even; pictures of other sizes are brought to it.
            fps: about how many pictures a second will come.
            on_failure: told once, in words and from the recording's thread, when writing has failed: a full disk.
            why_no_more: asked every second, in the recording's thread, why it has to end; None: it may go on.
            finish: given the file once it is whole and closed, in the recording's thread: to be signed, say. What it
                raises as AvatarError is told as a failure, and the file stays.
            clock: seconds; the times of `picture` and `sound` are of it.

        Raises:
            MediaError: the file cannot be made.
        """
        self._movie = FragmentedMovie(path, size, fps)
        self._tell_failure, self._why_no_more, self._finish, self._clock = on_failure, why_no_more, finish, clock
        self._begin_s = clock()
        self._end_s: float | None = None
        self._pictures: deque[tuple[float, U8]] = deque()
        self._sounds: deque[tuple[float, I16]] = deque()
        self._changed = threading.Condition()
        self._written = self._dropped = 0
        self._failure: str | None = None
        self._kept = True
        self._asked_s = self._begin_s
        self._thread = StageThread("recording", self._write_all, self._on_failure)
        self._thread.start()

    def picture(self, i420: U8, shown_s: float) -> None:
        """Add a picture, planar YUV 4:2:0, that is shown from `shown_s` on; nobody may write into it any more."""
        with self._changed:
            if self._end_s is not None:
                return
            if len(self._pictures) >= PICTURES_WAITING:
                self._pictures.popleft()
                self._dropped += 1
            self._pictures.append((shown_s - self._begin_s, i420))
            self._changed.notify()

    def sound(self, samples: I16, heard_s: float) -> None:
        """Add (n, 2) samples at 48 kHz that are heard from `heard_s` on."""
        with self._changed:
            if self._end_s is not None:
                return
            if len(self._sounds) >= SOUNDS_WAITING:
                self._sounds.popleft()
                self._dropped += 1
            self._sounds.append((heard_s - self._begin_s, samples))
            self._changed.notify()

    @property
    def state(self) -> RecordingState:
        """How far it has come."""
        with self._changed:
            end_s = self._clock() if self._end_s is None else self._end_s
            return RecordingState(
                self._movie.path,
                end_s - self._begin_s,
                self._written,
                self._dropped,
                self._end_s is not None,
                self._failure,
                self._kept,
            )

    def stop(self) -> RecordingState:
        """Write what waits, end the file, and return how it ended. Idempotent; blocks, for five seconds at most."""
        self._end()
        self._thread.join()
        return self.state

    def _end(self) -> None:
        with self._changed:
            if self._end_s is None:
                self._end_s = self._clock()
            self._changed.notify()

    def _write_all(self) -> None:
        try:
            self._write_until_end()
        except MediaError:
            try:
                self._finish_file()
            except AvatarError as error:
                logger.error("%s", error)  # why the recording ended is what is told
            raise
        self._finish_file()

    def _write_until_end(self) -> None:
        try:
            while self._write_next():
                pass
        finally:
            self._end()  # nothing more is taken in, whatever has happened
            self._movie.close()
            if self._movie.empty:
                self._movie.path.unlink(missing_ok=True)
                self._kept = False

    def _finish_file(self) -> None:
        if self._kept:
            self._finish(self._movie.path)

    def _write_next(self) -> bool:
        """Write the earliest of what waits; wait for it. Returns False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._pictures or self._sounds or self._end_s is not None)
            if not (self._pictures or self._sounds):
                return False
            sound_is_next = bool(self._sounds) and (not self._pictures or self._sounds[0][0] <= self._pictures[0][0])
            if sound_is_next:
                heard_s, samples = self._sounds.popleft()
            else:
                shown_s, i420 = self._pictures.popleft()
        if sound_is_next:
            self._movie.sound(samples, heard_s)
        else:
            self._movie.picture(i420, shown_s)
            with self._changed:
                self._written += 1
        self._ask_for_room()
        return True

    def _ask_for_room(self) -> None:
        """End by raising MediaError where no more may be written."""
        if self._clock() - self._asked_s < ROOM_EVERY_S:
            return
        self._asked_s = self._clock()
        if (why := self._why_no_more()) is not None:
            raise MediaError(why)

    def _on_failure(self, why: str) -> None:
        with self._changed:
            self._failure = why
            self._pictures.clear()
            self._sounds.clear()
        self._tell_failure(why)
