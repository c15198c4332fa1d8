"""A face for a program of one's own: sound in as fast as it comes, pictures and sound out in step.

    async with Avatar.open("me.avatar") as avatar:
        await avatar.push_audio(pcm, 24_000)
        await avatar.end_of_speech()
        async for frame in avatar:
            show(frame) if isinstance(frame, VideoFrame) else play(frame)

Drawing happens in a thread of its own; everything else on the event loop that opened the avatar.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from avatar import pacing
from avatar.config import PictureSettings
from avatar.errors import AvatarError, ClosedError, CueError
from avatar.frames import AudioFrame, AvatarEvent, FellBehind, Frame, VideoFrame
from avatar.generator.identity import Identity
from avatar.generator.protocol import Generator
from avatar.generator.tiers import open_generator
from avatar.identities import open_identity
from avatar.meters import StageMeter
from avatar.motion.cues import GESTURES, Gesture, Look, understand
from avatar.motion.presence import PresenceKind
from avatar.motion.speech import SpeechMotion
from avatar.pace import Pace
from avatar.performance import Beat, Performance
from avatar.playback import SpeechInterrupted
from avatar.spoken import I16, RATES, Pcm, spoken_samples
from avatar.types import U8

BUFFER_S: Final = 30.0
"""Sound that may wait to be spoken; `push_audio` waits while there is more."""
PIECE_S: Final = 0.5
"""Sound is taken in pieces of this length, so that an hour at once needs no more room than a sentence."""
READY: Final = 2
"""Beats that may be drawn and wait to be taken."""
EVENTS_KEPT: Final = 256
"""Events that may wait for the next frame of sound; the oldest goes first."""
TELL_EVERY_S: Final = 1.0
"""Falling behind is told at most so often."""
JOIN_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What an avatar is made of: who draws it, and who knows its mouth."""

    generator: Generator
    speech: SpeechMotion


@dataclass(frozen=True, slots=True)
class _Drawn:
    beat: Beat
    rgb: U8 | None
    """None where there was no time to draw."""


class Avatar:
    """One live face. Use on one event loop; `async with` opens and closes it."""

    def __init__(
        self,
        make_stage: Callable[[], Stage],
        *,
        fps: int = 30,
        sample_rate: int = 48_000,
        on_event: Callable[[AvatarEvent], None] | None = None,
        seed: int = 0,
    ) -> None:
        """Prepare an avatar that `make_stage` will make, in a thread, when it is opened.

        Args:
            make_stage: returns who draws and who knows the mouth.
            fps: pictures a second, 1 to 60.
            sample_rate: of the sound given out, samples a second.
            on_event: told what happens as it happens, on the event loop; the frames of sound carry the same events.
            seed: another one is another temperament.

        Raises:
            ValueError: a rate that cannot be.
        """
        if not 1 <= fps <= 60 or not RATES[0] <= sample_rate <= RATES[1]:
            raise ValueError(
                f"{fps} pictures and {sample_rate} samples a second: 1-60 and {RATES[0]}-{RATES[1]} can be."
            )
        self._make_stage = make_stage
        self._fps, self.sample_rate, self._seed = fps, sample_rate, seed
        self._on_event = on_event
        self._performance: Performance | None = None
        self._generator: Generator | None = None
        self._worker: threading.Thread | None = None
        self._changed = threading.Condition()
        self._ready: deque[_Drawn] = deque()
        self._pace: Pace | None = None
        self._closed = False
        self._failure: str | None = None
        self._pushing, self._taking = asyncio.Lock(), asyncio.Lock()
        self._room, self._drawn = asyncio.Event(), asyncio.Event()
        self._half: Beat | None = None
        self._happened: deque[AvatarEvent] = deque(maxlen=EVENTS_KEPT)
        self._interruptions = 0
        self._skipped, self._skipped_told, self._told_late_s = 0, 0, -TELL_EVERY_S
        self._meter, self._cadence = StageMeter(), pacing.Cadence()

    @classmethod
    def open(
        cls,
        face: str | Path | Identity,
        *,
        picture: PictureSettings | None = None,
        sample_rate: int = 48_000,
        liveliness: float = 1.0,
        on_event: Callable[[AvatarEvent], None] | None = None,
        seed: int = 0,
    ) -> Avatar:
        """Return an avatar of an `.avatar` file, a photo, a built-in face's id or an identity; `async with` opens it.

        Opening raises AvatarError (the subclass says why) where there is no such face or no model to move it with.

        Args:
            face: whose face.
            picture: size, rate and what draws it; None: 512 x 512 pixels, 30 a second, the best that runs here.
            sample_rate: of the sound given out.
            liveliness: of the mouth, 0 calm, 1 as trained, 2 lively.
            on_event, seed: as for the class.
        """
        settings = PictureSettings() if picture is None else picture

        def make_stage() -> Stage:
            identity = face if isinstance(face, Identity) else open_identity(str(face))
            generator = open_generator(identity, (settings.width, settings.height), settings.tier, settings.engine)
            return Stage(generator, SpeechMotion(liveliness=liveliness))

        return cls(make_stage, fps=settings.fps, sample_rate=sample_rate, on_event=on_event, seed=seed)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Open the avatar; `async with` does it. Once open, it does nothing.

        Raises:
            ClosedError: it was closed.
            AvatarError: the face or a model cannot be used.
        """
        if self._closed:
            raise ClosedError("This avatar was closed: open another.")
        if self._worker is not None:
            return
        self._loop = asyncio.get_running_loop()
        stage = await asyncio.to_thread(self._make_stage)
        self._generator = stage.generator
        self._performance = Performance(self.sample_rate, self._fps, stage.speech, seed=self._seed)
        self._worker = threading.Thread(target=self._work, name="avatar-sdk", daemon=True)
        self._worker.start()

    async def aclose(self) -> None:
        """Close the avatar: iteration ends, waiting pushes raise ClosedError. May be called again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._room.set()
        self._drawn.set()
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.join, JOIN_TIMEOUT_S)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pictures in pixels. Raises ClosedError before it is open."""
        self._open()
        assert self._generator is not None  # noqa: S101 - an open avatar has one
        return self._generator.picture_size

    @property
    def fps(self) -> int:
        """Pictures a second."""
        return self._fps

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that wait to be spoken."""
        return self._open().waiting_s

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or waits to be. Raises ClosedError."""
        return self._open().speaking

    def unspoken(self) -> I16:
        """Remove and return the sound, (n,) at `sample_rate`, that an avatar which failed or was closed has not spoken.

        So that a program can play it without a face.
        """
        return self._performance.unspoken() if self._performance is not None else np.zeros(0, np.int16)

    async def push_audio(self, pcm: Pcm, sample_rate: int, *, utterance: str | None = None) -> None:
        """Take sound to be spoken after what waits already; returns when it is queued, often long before it is heard.

        While more than `BUFFER_S` wait it does not return: frames have to be taken for sound to be spoken. A push that
        waits when somebody interrupts is dropped with the rest.

        Args:
            pcm: signed 16-bit samples (bytes are little-endian and of one channel) or 32-bit floats within -1..1, (n,)
                or (channels, n).
            sample_rate: samples a second, 8000 to 192000.
            utterance: a name of what is being said: its sound is known and dropped when it comes after an interruption.
                Another name than before ends what was said before.

        Raises:
            SoundError: a type, shape or rate that is not taken.
            ClosedError: the avatar is not open.
        """
        self._open()
        samples = spoken_samples(pcm, sample_rate)
        interruptions = self._interruptions
        piece = max(round(PIECE_S * sample_rate), 1)
        async with self._pushing:
            for start in range(0, len(samples), piece):
                while self._open().waiting_s >= BUFFER_S and self._interruptions == interruptions:
                    self._room.clear()
                    await self._room.wait()
                if self._interruptions != interruptions:
                    return
                self._open().push(samples[start : start + piece], sample_rate, utterance)

    async def end_of_speech(self, *, utterance: str | None = None) -> None:
        """Say that an utterance is complete; waits behind pushes that wait. Raises ClosedError."""
        self._open()
        interruptions = self._interruptions
        async with self._pushing:
            if self._interruptions == interruptions or utterance is not None:
                self._open().end(utterance)

    def interrupt(self) -> float:
        """Be silent at once, close the mouth, forget what waits; return how much of the utterance was heard, ms.

        0 while nothing is said, and the second time. Raises ClosedError.
        """
        performance = self._open()
        self._interruptions += 1
        events = performance.interrupt(time.monotonic())
        self._room.set()
        for event in events:
            self._tell(event)
        return next((event.heard_ms for event in events if isinstance(event, SpeechInterrupted)), 0.0)

    def set_emotion(self, name: str, strength: float = 1.0) -> None:
        """Show one of `motion.cues.EMOTIONS` from now on, `strength` 0..1.4. Raises CueError, ClosedError."""
        self._open().set_emotion(name, strength)

    def set_presence(self, presence: PresenceKind) -> None:
        """Be `listening`, `thinking` or `idle` while nothing is said. Raises CueError, ClosedError."""
        self._open().set_presence(presence)

    def look_at(self, x: float, y: float) -> None:
        """Look at a place from now on: x to the picture's right and y down, -1..1; (0, 0) is the viewer.

        Raises CueError for what is no place, ClosedError.
        """
        if not (-1 <= x <= 1 and -1 <= y <= 1):
            raise CueError(f"({x}, {y}) is no place to look at: both are from -1 to 1.")
        self._open().perform(Look(float(x), float(y)))

    def nod(self, strength: float = 1.0) -> None:
        """Nod once. Raises ClosedError."""
        self.gesture("nod", strength)

    def gesture(self, name: str, strength: float = 1.0) -> None:
        """Make one of `motion.cues.GESTURES`. Raises CueError, ClosedError."""
        if name not in GESTURES:
            raise CueError(f"There is no gesture {name!r}: choose one of {', '.join(GESTURES)}.")
        if not 0 <= strength <= 2:
            raise CueError(f"A gesture's strength is a number from 0 to 2, not {strength!r}.")
        self._open().perform(Gesture(name, float(strength)))

    def direct(self, cue: str) -> None:
        """Do what plain words ask for, such as "smile warmly and nod" (`docs/sdk.md` has the table).

        Raises CueError where they are not understood, ClosedError.
        """
        performance = self._open()
        for part in understand(cue):
            performance.perform(part)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        """Return the next frame when it is due, a picture and then its sound. The clock begins with the first call.

        Raises:
            StopAsyncIteration: the avatar was closed.
            ClosedError: it has not been opened.
            AvatarError: drawing has failed for good.
        """
        if self._performance is None:
            raise ClosedError("This avatar is not open: use `async with`, or await start().")
        async with self._taking:
            if self._closed:
                raise StopAsyncIteration
            if self._half is not None:
                beat, self._half = self._half, None
                return self._sound_of(beat)
            drawn = await self._take()
            if drawn.rgb is None:
                return self._sound_of(drawn.beat)
            self._half = drawn.beat
            return VideoFrame(drawn.beat.start / self.sample_rate, drawn.rgb)

    def _open(self) -> Performance:
        if self._failure is not None:
            raise AvatarError(self._failure)
        if self._closed or self._performance is None:
            state = "closed" if self._closed else "not open yet"
            raise ClosedError(f"This avatar is {state}: use it inside `async with Avatar.open(...)`.")
        return self._performance

    async def _take(self) -> _Drawn:
        """Return the next beat, when it is due."""
        self._begin()
        while True:
            if self._failure is not None:
                raise AvatarError(self._failure)
            if self._closed:
                raise StopAsyncIteration
            with self._changed:
                drawn, pace = self._ready[0] if self._ready else None, self._pace
            assert pace is not None  # noqa: S101 - begun above
            now_s = time.monotonic()
            if drawn is None:
                self._drawn.clear()
                if not self._ready:
                    await self._drawn.wait()
            elif (wait_s := pace.due_s(drawn.beat.index) - now_s) > 0:
                await asyncio.sleep(wait_s)
            else:
                with self._changed:
                    self._ready.popleft()
                    self._pace = pace.taken(drawn.beat.index, now_s)
                    self._changed.notify_all()
                self._note_lateness(-wait_s, slipped=self._pace is not pace, now_s=now_s)
                return drawn

    def _begin(self) -> None:
        """Begin the clock, once."""
        with self._changed:
            if self._pace is None:
                self._pace = Pace(self._fps, time.monotonic() + 1 / self._fps)
                self._changed.notify_all()

    def _sound_of(self, beat: Beat) -> AudioFrame:
        handed = self._open().hand_over(beat, time.monotonic())
        for event in handed.events:
            self._tell(event)
        self._room.set()
        events = tuple(self._happened)
        self._happened.clear()
        return AudioFrame(beat.start / self.sample_rate, handed.samples, self.sample_rate, handed.spoken, events)

    def _tell(self, event: AvatarEvent) -> None:
        self._happened.append(event)
        if self._on_event is not None:
            self._on_event(event)

    def _note_lateness(self, late_s: float, *, slipped: bool, now_s: float) -> None:
        skipped = self._skipped - self._skipped_told
        if (slipped or skipped) and now_s - self._told_late_s >= TELL_EVERY_S:
            self._told_late_s, self._skipped_told = now_s, self._skipped
            self._tell(FellBehind(1e3 * late_s, skipped))

    def _work(self) -> None:
        """The worker's thread: plan and draw beats as they become due."""
        try:
            self._draw_beats()
        except Exception as error:  # the thread's root: the reason must not die with it
            self._failure = (
                f"The avatar has stopped: {error}"
                if isinstance(error, AvatarError)
                else (f"The avatar has stopped: {type(error).__name__}: {error}")
            )
            with self._changed:
                self._ready.clear()
            self._wake()
            self._loop.call_soon_threadsafe(self._room.set)

    def _draw_beats(self) -> None:
        performance, generator = self._performance, self._generator
        assert performance is not None and generator is not None  # noqa: S101 - set before the thread starts
        index = skipped = 0
        while (now_s := self._wait_for(index)) is not None:
            beat = performance.plan(index)
            rgb = None
            with self._changed:
                pace = self._pace
            if pace is None or pace.worth_drawing(index, now_s, skipped):
                rgb, skipped = self._draw(generator, beat), 0
            else:
                skipped += 1
                self._skipped += 1
            with self._changed:
                self._ready.append(_Drawn(beat, rgb))
            self._wake()
            index += 1

    def _wait_for(self, index: int) -> float | None:
        """Return the time when a beat should be worked on, as soon as it has come; None once closed."""
        with self._changed:
            while not self._closed:
                now_s = time.monotonic()
                if self._pace is None or len(self._ready) >= READY:
                    self._changed.wait()
                elif (wait_s := self._pace.start_s(index) - now_s) > 0:
                    self._changed.wait(wait_s)
                else:
                    return now_s
        return None

    def _draw(self, generator: Generator, beat: Beat) -> U8:
        began_s = time.monotonic()
        generator.key_every = self._cadence.key_every
        rgb = generator.render(beat.motion)
        now_s = time.monotonic()
        self._meter.add("in full" if generator.last_in_full else "in between", now_s - began_s)
        full_s, other_s = self._meter.median_s("in full"), self._meter.median_s("in between")
        self._cadence = pacing.next_cadence(self._cadence, full_s, other_s, 1 / self._fps, now_s)
        return rgb

    def _wake(self) -> None:
        """Tell the event loop that there is news, unless it has gone."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._drawn.set)
