"""What an avatar says, beat by beat: blocks of sound on one clock, whoever moves its mouth and whoever listens.

    push --> [sound] --> plan: a block of sound, and what the mouth has to know with it --> hand over

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
from avatar.timing import playback
from avatar.timing.playback import Playback, PlaybackEvent, Span, SpeechInterrupted

AHEAD_S: Final = LOOK_AHEAD_S + 0.08
"""How much of the sound after a block the mouth's network is told with it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The latest interruption."""

    number: int = 0
    """How many there have been."""
    time_s: float = 0.0
    """Until when sound had been handed over, on the media clock."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the one who moves the mouth has to know of a beat. Nothing of it is ever told twice."""

    time_s: float
    """The beat's, on the media clock: its picture shows the mouth of this moment."""
    begin_s: float
    """The moment of the first of `samples`."""
    samples: I16
    """(n,), sound that is certain to be said, of the beat and beyond it; none while nothing is."""
    speaking: bool
    """Sound flows."""
    cut: Cut


@dataclass(frozen=True, slots=True)
class Beat:
    """One block of sound."""

    index: int
    start: int
    """Its first sample, counted from the beginning of the media clock."""
    samples: I16
    """(n,), speech and then silence."""
    spans: tuple[Span, ...]
    """Whose the speech is."""
    told: Told


@dataclass(frozen=True, slots=True)
class Handed:
    """What is really given out of a beat, at the moment it is."""

    samples: I16
    """(n,): silence in place of what was interrupted since it was planned."""
    spoken: int
    """How many of the samples are speech."""
    events: tuple[PlaybackEvent, ...]


class SpeechLine:
    """One avatar's sound and the account of it. Any method from any thread."""

    def __init__(self, rate: int, fps: int) -> None:
        """Speak at `rate` samples a second, `fps` beats a second."""
        self._lock = threading.Lock()
        self.rate, self.fps = rate, fps
        self._account = Playback(rate)
        self._sound = SampleQueue(rate)
        self._told = 0
        """The sample until which the one who moves the mouth knows what is said."""
        self._handed_s = 0.0
        self._cut = Cut()

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

    def unspoken(self, untaken: Sequence[Beat] = ()) -> I16:
        """Remove and return the samples that wait to be spoken, after those of beats that were never handed over."""
        with self._lock:
            pieces = []
            for beat in untaken:
                at = 0
                for span in beat.spans:
                    if playback.alive(self._account, span.utterance):
                        pieces.append(beat.samples[at : at + span.count])
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
        """Give up all that waits, and return what that cut short; the next beat tells the mouth to close."""
        with self._lock:
            self._account, events = playback.interrupt(self._account, now_s)
            if any(isinstance(event, SpeechInterrupted) for event in events):
                self._sound.clear()
                self._told = 0
                self._cut = Cut(self._cut.number + 1, self._handed_s)
            return events

    def plan(self, index: int) -> Beat:
        """Return the next beat; `index` rises by one from call to call."""
        start, stop = (round(number * self.rate / self.fps) for number in (index, index + 1))
        with self._lock:
            # The mouth has been told of silence after the last word: what is said next begins after that.
            spans: tuple[Span, ...] = ()
            if (self._account.running or start >= self._told) and playback.ready(self._account):
                self._account, spans = playback.take(self._account, stop - start)
            spoken = self._sound.take(sum(span.count for span in spans))
            samples = np.concatenate([spoken, np.zeros(stop - start - len(spoken), np.int16)])
            told = self._tell(start, samples, spoken=bool(spans))
            return Beat(index, start, samples, spans, told)

    def hand_over(self, beat: Beat, now_s: float) -> Handed:
        """Account for a beat that is given out now, without what was interrupted since it was planned."""
        with self._lock:
            samples, at, spoken = beat.samples, 0, 0
            for span in beat.spans:
                if playback.alive(self._account, span.utterance):
                    spoken += span.count
                else:
                    samples = samples.copy() if samples is beat.samples else samples
                    samples[at : at + span.count] = 0
                at += span.count
            self._account, events = playback.deliver(self._account, beat.spans, len(samples) - at, now_s)
            self._handed_s = (beat.start + len(samples)) / self.rate
            return Handed(samples, spoken, events)

    def _tell(self, start: int, samples: I16, *, spoken: bool) -> Told:
        """Return what is to be told of a block and of what follows on it, as far as that is certain."""
        at, line = start, np.zeros(0, np.int16)
        if spoken or self._account.waiting:
            ahead = round(AHEAD_S * self.rate)
            following = self._sound.peek(ahead) if self._account.running else line
            if spoken and all(one.complete for one in self._account.waiting):
                following = np.concatenate([following, np.zeros(ahead - len(following), np.int16)])
            known = max(self._told - start, 0)
            line = np.concatenate([samples, following])[known:]
            at = start + known
            self._told = max(at + len(line), self._told)
        return Told(start / self.rate, at / self.rate, line, self._account.running, self._cut)
