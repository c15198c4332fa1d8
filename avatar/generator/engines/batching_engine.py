"""One network for many calls: frames that are due together are drawn together.

Whoever asks first while the network is idle runs the batch in its own thread, so a lone call pays for no handover.
Where a GPU's memory is too full for a batch it is drawn in halves, and no later one is as large.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from avatar.errors import GpuMemoryError
from avatar.generator.engines.cuda_graph import padded_size
from avatar.generator.engines.engine import Engine, FrameInput, FrameLayers, Latents
from avatar.timing.batching import Arrivals, ServiceTimes, Start, next_batch
from avatar.timing.concurrency_limit import picture_work
from avatar.types import U8

Frame = TypeVar("Frame")
Drawn = TypeVar("Drawn")

_log = logging.getLogger(__name__)


class BatchEngine(Engine, Protocol):
    """An engine that draws several frames at once."""

    largest_batch: int

    def decode_batch(self, frames: Sequence[FrameInput]) -> list[FrameLayers]:
        """Return the layers of one to `largest_batch` frames."""


@dataclass(eq=False, slots=True)
class _Asked(Generic[Frame, Drawn]):
    """A frame that waits to be drawn."""

    frame: Frame
    call: int
    came_s: float
    drawn: Drawn | None = None
    error: Exception | None = None
    begun: bool = False


class Batcher(Generic[Frame, Drawn]):
    """Draws in batches what many threads ask for, frame by frame. Each thread counts as a call."""

    def __init__(self, draw_batch: Callable[[Sequence[Frame]], Sequence[Drawn]], largest: int) -> None:
        """Draw with `draw_batch`, which is given one to `largest` frames and never called by two threads at once."""
        self._draw_batch = draw_batch
        self.largest = largest
        """Frames of a batch at the most; fewer once the GPU's memory was too full for so many."""
        self._changed = threading.Condition()
        self._waiting: list[_Asked[Frame, Drawn]] = []
        self._arrivals, self._service = Arrivals(), ServiceTimes()
        self._busy = False

    def draw(self, frame: Frame) -> Drawn:
        """Return what is drawn of a frame; blocks until its batch is done.

        Raises what drawing the batch raised, GpuMemoryError only where there is not enough for a frame by itself.
        """
        with picture_work().released():
            return self._drawn(_Asked(frame, threading.get_ident(), time.monotonic()))

    def _drawn(self, asked: _Asked[Frame, Drawn]) -> Drawn:
        with self._changed:
            self._waiting.append(asked)
            self._arrivals.arrived(asked.call, asked.came_s)
            self._changed.notify_all()  # who waits for this frame may begin
        while True:
            with self._changed:
                batch = self._take_batch(asked)
            if batch is None:
                break
            self._run(batch)
        if asked.error is not None:
            raise asked.error
        assert asked.drawn is not None  # noqa: S101 - its batch has neither drawn it nor failed
        return asked.drawn

    def _take_batch(self, asked: _Asked[Frame, Drawn]) -> list[_Asked[Frame, Drawn]] | None:
        """Return a batch for this thread to run, None once its own frame is done."""
        while asked.drawn is None and asked.error is None:
            if self._busy or asked.begun:
                self._changed.wait()
                continue
            now_s = time.monotonic()
            decided = next_batch(
                [one.came_s for one in self._waiting],
                self._arrivals.expected([one.call for one in self._waiting]),
                now_s,
                self._service,
                largest=self.largest,
            )
            if isinstance(decided, Start):
                batch, self._waiting = self._waiting[: decided.count], self._waiting[decided.count :]
                for one in batch:
                    one.begun = True
                self._busy = True
                return batch
            self._changed.wait(None if decided is None else decided.until_s - now_s)
        return None

    def _run(self, batch: list[_Asked[Frame, Drawn]]) -> None:
        drawn: Sequence[Drawn] = []
        error: Exception | None = None
        try:
            drawn = self._draw([one.frame for one in batch])
        except Exception as failed:
            error = failed
        with self._changed:
            for number, one in enumerate(batch):
                one.drawn, one.error = (drawn[number], None) if error is None else (None, error)
            self._busy = False
            self._changed.notify_all()

    def _draw(self, frames: Sequence[Frame]) -> list[Drawn]:
        """Return what is drawn of some frames: together, or in halves for as long as memory is short."""
        began_s = time.monotonic()
        try:
            drawn = list(self._draw_batch(frames))
        except GpuMemoryError:
            if len(frames) == 1:
                raise
        else:
            with self._changed:
                self._service.took(len(frames), time.monotonic() - began_s)
            return drawn
        # The error is gone by now, and with it the memory that it held on to.
        half = padded_size(len(frames)) // 2
        with self._changed:
            if half < self.largest:
                _log.warning("The GPU's memory is too full for %d pictures at once: %d from now on.", len(frames), half)
                self.largest = half
        return [*self._draw(frames[:half]), *self._draw(frames[half:])]


class BatchingEngine:
    """An engine whose frames, asked for by many threads, are drawn in batches."""

    def __init__(self, engine: BatchEngine) -> None:
        self.name, self.tier = engine.name, engine.tier
        self._engine = engine
        self._batcher: Batcher[FrameInput, FrameLayers] = Batcher(engine.decode_batch, engine.largest_batch)

    def encode(self, rgb: U8) -> Latents:
        """Return the latents of a photo's crop, as the engine does."""
        return self._engine.encode(rgb)

    def decode(self, frame: FrameInput) -> FrameLayers:
        """Return one frame's layers, as `Batcher.draw` does."""
        return self._batcher.draw(frame)
