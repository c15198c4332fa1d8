"""Playout of an avatar's speech: sound of any length in, one block of sound out for each tick of the frame clock.

    push --> [sound] --> plan: a tick, its block of sound and the mouth's input --> hand_over: to the player

The media clock counts the samples that were planned.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.media.pcm import I16, SampleQueue
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.motion.voice_cut import VoiceCut
from avatar.timing import playback
from avatar.timing.playback import Playback, Span
from avatar.timing.speech_events import PlaybackEvent, SpeechInterrupted

AHEAD_S: Final = LOOK_AHEAD_S + 0.08
"""Seconds of sound after a block that the mouth's network gets with it."""


@dataclass(frozen=True, slots=True)
class MouthInput:
    """What moves the mouth in one tick: sound that no tick before had."""

    time_s: float
    """Of the tick, on the media clock: its picture shows the mouth of this moment."""
    begin_s: float
    """Of the first of `samples`, on the media clock."""
    samples: I16
    """(n,), int16, one channel: sound that is certain to be said, of the tick and beyond it; empty in silence."""
    speaking: bool
    """Whether sound flows."""
    cut: VoiceCut
    """The latest interruption, at the moment until which sound had been handed over."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of the frame clock: the block of sound that goes with a picture."""

    index: int
    start: int
    """Its first sample, counted from the beginning of the media clock."""
    samples: I16
    """(n,), int16: speech and then silence."""
    spans: tuple[Span, ...]
    """Which utterances the speech is of, in order."""
    mouth: MouthInput


@dataclass(frozen=True, slots=True)
class Delivery:
    """The sound of a tick as it is handed over."""

    samples: I16
    """(n,), int16: silence in place of what was interrupted since it was planned."""
    spoken: int
    """How many of the samples are speech."""
    events: tuple[PlaybackEvent, ...]


class SpeechPlayout:
    """One avatar's queue of speech and its playback position. Any method from any thread."""

    def __init__(self, rate: int, fps: int) -> None:
        """Play out at `rate` samples and `fps` ticks a second."""
        self._lock = threading.Lock()
        self.rate, self.fps = rate, fps
        self._account = Playback(rate)
        self._sound = SampleQueue(rate)
        self._known_until = 0
        """The sample until which the mouth's inputs have said what is heard."""
        self._handed_s = 0.0
        self._cut = VoiceCut()

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that wait to be spoken."""
        with self._lock:
            return len(self._sound) / self.rate

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or waits to be."""
        with self._lock:
            return bool(self._account.waiting)

    def unspoken(self, untaken: Sequence[Tick] = ()) -> I16:
        """Remove and return the samples that wait to be spoken, after those of ticks that were never handed over."""
        with self._lock:
            pieces = []
            for tick in untaken:
                at = 0
                for span in tick.spans:
                    if playback.alive(self._account, span.utterance):
                        pieces.append(tick.samples[at : at + span.count])
                    at += span.count
            return np.concatenate([*pieces, self._sound.take(len(self._sound))])

    def push(self, samples: I16, sample_rate: int, utterance: str | None) -> None:
        """Queue (n,) samples of an utterance; dropped when that was interrupted."""
        with self._lock:
            if utterance is not None and utterance in self._account.silenced:
                late = round(len(samples) * self.rate / sample_rate)
                self._account, _ = playback.push(self._account, late, utterance)
                return
            self._account, _ = playback.push(self._account, self._sound.push(samples, sample_rate), utterance)

    def end(self, utterance: str | None) -> None:
        """Note that an utterance is complete."""
        with self._lock:
            if (ended := playback.ended_by(self._account, utterance)) is not None:
                self._account, _ = playback.push(self._account, self._sound.finish(), ended.label)
            self._account = playback.end(self._account, utterance)

    def interrupt(self, now_s: float) -> tuple[PlaybackEvent, ...]:
        """Give up all that waits, and return what that cut short; the next tick closes the mouth."""
        with self._lock:
            self._account, events = playback.interrupt(self._account, now_s)
            if any(isinstance(event, SpeechInterrupted) for event in events):
                self._sound.clear()
                self._known_until = 0
                self._cut = VoiceCut(self._cut.number + 1, self._handed_s)
            return events

    def plan(self, index: int) -> Tick:
        """Return the next tick; `index` rises by one from call to call."""
        start, stop = (round(number * self.rate / self.fps) for number in (index, index + 1))
        with self._lock:
            # The mouth's inputs say that silence follows the last word: what is said next begins after that.
            spans: tuple[Span, ...] = ()
            if (self._account.running or start >= self._known_until) and playback.ready(self._account):
                self._account, spans = playback.take(self._account, stop - start)
            spoken = self._sound.take(sum(span.count for span in spans))
            samples = np.concatenate([spoken, np.zeros(stop - start - len(spoken), np.int16)])
            mouth = self._mouth_input(start, samples, spoken=bool(spans))
            return Tick(index, start, samples, spans, mouth)

    def hand_over(self, tick: Tick, now_s: float) -> Delivery:
        """Return the sound of a tick that is handed over now, without what was interrupted since it was planned."""
        with self._lock:
            samples, at, spoken = tick.samples, 0, 0
            for span in tick.spans:
                if playback.alive(self._account, span.utterance):
                    spoken += span.count
                else:
                    samples = samples.copy() if samples is tick.samples else samples
                    samples[at : at + span.count] = 0
                at += span.count
            self._account, events = playback.deliver(self._account, tick.spans, len(samples) - at, now_s)
            self._handed_s = (tick.start + len(samples)) / self.rate
            return Delivery(samples, spoken, events)

    def _mouth_input(self, start: int, samples: I16, *, spoken: bool) -> MouthInput:
        """Return the mouth's input of a block: its sound and what follows on it, as far as that is certain and new."""
        at, known_sound = start, np.zeros(0, np.int16)
        if spoken or self._account.waiting:
            ahead = round(AHEAD_S * self.rate)
            following = self._sound.peek(ahead) if self._account.running else known_sound
            if spoken and all(one.complete for one in self._account.waiting):
                following = np.concatenate([following, np.zeros(ahead - len(following), np.int16)])
            known = max(self._known_until - start, 0)
            known_sound = np.concatenate([samples, following])[known:]
            at = start + known
            self._known_until = max(at + len(known_sound), self._known_until)
        return MouthInput(start / self.rate, at / self.rate, known_sound, self._account.running, self._cut)
