"""Who draws an avatar's beats: the seam between its surface and where its pictures are made, and the one in-process."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from avatar.errors import AvatarError, what_failed
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.protocol import Generator
from avatar.motion.cues import Cue
from avatar.motion.idle import HIGHEST_SEED
from avatar.motion.speech import SpeechMotion
from avatar.sdk.animator import Performance
from avatar.sdk.frame_queue import Beats

READY: Final = 2
"""Beats that may be drawn and wait to be taken."""
JOIN_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What an avatar is made of: who draws it, and who knows its mouth."""

    generator: Generator
    speech: SpeechMotion


class Painter(Protocol):
    """Plans and draws the beats of one avatar, somewhere. Its methods are called on the avatar's event loop."""

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) in pixels, once it is open."""
        ...

    @property
    def lead_s(self) -> float:
        """How long before it is due a beat is planned now."""
        ...

    async def open(self, beats: Beats, *, seed: int) -> None:
        """Get ready, and from then on draw what becomes due. Raises AvatarError."""

    def perform(self, cue: Cue) -> None:
        """Do what a cue asks for, which has been checked. Never blocks."""

    async def close(self) -> None:
        """End; the beats have been closed. Also where it never opened."""


class StagePainter:
    """Draws in a thread of this process."""

    def __init__(self, make_stage: Callable[[], Stage]) -> None:
        """Draw with what `make_stage` makes, in a thread, when it is opened."""
        self._make_stage = make_stage
        self._worker: threading.Thread | None = None

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) in pixels, once it is open."""
        return self._stage.generator.picture_size

    @property
    def lead_s(self) -> float:
        """One picture's time: work on a beat begins when the one before it is due."""
        return 1 / self._beats.line.fps

    async def open(self, beats: Beats, *, seed: int) -> None:
        """Make the stage and start the thread. Raises AvatarError: the face, a model or the seed cannot be used."""
        if not 0 <= seed <= HIGHEST_SEED:
            raise AvatarError(f"The seed {seed} cannot be used: 0 to {HIGHEST_SEED} can.")
        self._beats = beats
        self._stage = await asyncio.to_thread(self._make_stage)
        self._performance = Performance(beats.line.rate, self._stage.speech, seed=seed)
        self._worker = threading.Thread(target=self._work, name="avatar-sdk", daemon=True)
        self._worker.start()

    def perform(self, cue: Cue) -> None:
        """Do what a cue asks for."""
        self._performance.perform(cue)

    async def close(self) -> None:
        """Wait for the thread's end."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.join, JOIN_TIMEOUT_S)

    def _work(self) -> None:
        try:
            self._draw_beats()
        except Exception as error:  # the thread's root: the reason must not die with it
            self._beats.fail(stopped(error))

    def _draw_beats(self) -> None:
        beats, skipped = self._beats, 0
        adaptive = AdaptiveRenderer(self._stage.generator, beats.line.fps)
        while (now_s := self._wait()) is not None:
            beat = beats.plan()
            motion, rgb = self._performance.move(beat.told), None
            if beats.pace is None or beats.pace.worth_drawing(beat.index, now_s, skipped):
                rgb, skipped = adaptive.render(motion), 0
            else:
                skipped += 1
            beats.settle(beat.index, rgb)

    def _wait(self) -> float | None:
        """Return the time when a beat should be worked on, as soon as it has come; None once closed."""
        beats = self._beats
        with beats.changed:
            while not beats.closed:
                wait_s = beats.plan_in_s(self.lead_s, READY)
                if wait_s <= 0:
                    return time.monotonic()
                beats.changed.wait(None if math.isinf(wait_s) else wait_s)
        return None


def stopped(error: Exception) -> AvatarError:
    """Return what is told of an error that ended the drawing."""
    return AvatarError(f"The avatar has stopped: {what_failed(error)}")
