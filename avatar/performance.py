"""What an avatar says and shows, beat by beat: sound and motion on one clock, whoever draws and whoever listens.

    push --> [sound] --> plan (worker): a block of sound, and the motion that belongs to it --> drawn --> hand over

The media clock counts the samples that were planned. A block's picture shows the mouth of its first sample: sound is
known ahead of its time, so the mouth is known without waiting.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from avatar import playback
from avatar.errors import CueError
from avatar.motion.acting import ActingState, Asked, act, hushed, over
from avatar.motion.cues import HOLD_S, Attend, Cue, Feel, Gesture, Look, emotion_offsets
from avatar.motion.idle import IdleLife
from avatar.motion.presence import PRESENCES, PresenceKind
from avatar.motion.prosody import SpeakingLife
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.playback import Playback, PlaybackEvent, Span
from avatar.spoken import I16, SpokenSound, as_floats
from avatar.types import Motion

AHEAD_S: Final = LOOK_AHEAD_S + 0.08
"""How much of the sound after a block the mouth's network is told with it."""
MOST_GESTURES: Final = 8
"""Gestures at once; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One block of sound and the motion that goes with it."""

    index: int
    start: int
    """Its first sample, counted from the beginning of the media clock."""
    samples: I16
    """(n,), speech and then silence."""
    spans: tuple[Span, ...]
    """Whose the speech is."""
    motion: Motion


@dataclass(frozen=True, slots=True)
class Handed:
    """What is really given out of a beat, at the moment it is."""

    samples: I16
    """(n,): silence in place of what was interrupted since it was planned."""
    spoken: int
    """How many of the samples are speech."""
    events: tuple[PlaybackEvent, ...]


class Performance:
    """One avatar's sound and motion. Any method from any thread."""

    def __init__(self, rate: int, fps: int, speech: SpeechMotion, *, seed: int = 0) -> None:
        """Speak at `rate` samples a second, `fps` beats a second; another seed is another temperament."""
        self._lock = threading.Lock()
        self._rate, self._fps, self._seed = rate, fps, seed
        self._account = Playback(rate)
        self._sound = SpokenSound(rate)
        self._speech = speech
        self._idle, self._life = IdleLife(seed), SpeakingLife(seed)
        self._asked, self._acting = Asked(), ActingState()
        self._told = 0
        """The sample until which the speech network knows what is said."""
        self._planned_s = 0.0
        self._handed_s = 0.0
        self._voice = resting_voice(0.0)
        self._cut: tuple[float, VoiceMotion] | None = None

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that wait to be spoken."""
        with self._lock:
            return len(self._sound) / self._rate

    @property
    def late_s(self) -> float:
        """Seconds of sound that were dropped because their utterance had been interrupted."""
        with self._lock:
            return self._account.late / self._rate

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or waits to be."""
        with self._lock:
            return bool(self._account.waiting)

    def unspoken(self) -> I16:
        """Remove and return the samples that wait to be spoken."""
        with self._lock:
            return self._sound.take(len(self._sound))

    def push(self, samples: I16, sample_rate: int, utterance: str | None) -> None:
        """Queue (n,) samples of an utterance; dropped when that was interrupted."""
        with self._lock:
            if utterance is not None and utterance in self._account.silenced:
                self._account, _ = playback.push(
                    self._account, round(len(samples) * self._rate / sample_rate), utterance
                )
                return
            self._account, _ = playback.push(self._account, self._sound.push(samples, sample_rate), utterance)

    def end(self, utterance: str | None) -> None:
        """Note that an utterance is complete."""
        with self._lock:
            if rest := self._sound.finish():
                self._account, _ = playback.push(self._account, rest, utterance)
            self._account = playback.end(self._account, utterance)

    def interrupt(self, now_s: float) -> tuple[PlaybackEvent, ...]:
        """Give up all that waits, let the mouth close, and return what that cut short."""
        with self._lock:
            self._account, events = playback.interrupt(self._account, now_s)
            if any(isinstance(event, playback.SpeechInterrupted) for event in events):
                self._sound.clear()
                self._speech.reset()
                self._told = 0
                self._cut = (self._handed_s, self._voice)
            return events

    def set_emotion(self, name: str, strength: float) -> None:
        """Show a feeling from now on. Raises CueError."""
        emotion_offsets(name, strength)
        with self._lock:
            self._asked = replace(self._asked, emotion=name, strength=strength, passing=None)

    def set_presence(self, presence: PresenceKind) -> None:
        """Listen, think, or neither, while nothing is said. Raises CueError."""
        if presence not in PRESENCES or presence == "speaking":
            choices = ", ".join(kind for kind in PRESENCES if kind != "speaking")
            raise CueError(f"There is no presence {presence!r} to choose: {choices}; speaking comes with speech.")
        with self._lock:
            self._asked = replace(self._asked, presence=presence)

    def perform(self, cue: Cue) -> None:
        """Do what a stage direction asks for."""
        with self._lock:
            match cue:
                case Feel(emotion, strength):
                    until_s = self._planned_s + HOLD_S
                    self._asked = replace(self._asked, passing=(emotion, strength, until_s))
                case Gesture():
                    gestures = (*self._asked.gestures, (cue, self._planned_s))[-MOST_GESTURES:]
                    self._asked = replace(self._asked, gestures=gestures)
                case Look(x, y):
                    self._asked = replace(self._asked, look=(x, y))
                case Attend(presence):
                    self._asked = replace(self._asked, presence=presence)

    def plan(self, index: int) -> Beat:
        """Return the next beat; `index` rises by one from call to call."""
        start, stop = (round(number * self._rate / self._fps) for number in (index, index + 1))
        with self._lock:
            # The network has been told of silence after the last word: what is said next begins after that.
            spans: tuple[Span, ...] = ()
            if (self._account.running or start >= self._told) and playback.ready(self._account):
                self._account, spans = playback.take(self._account, stop - start)
            spoken = self._sound.take(sum(span.count for span in spans))
            samples = np.concatenate([spoken, np.zeros(stop - start - len(spoken), np.int16)])
            self._tell(start, samples, bool(spans))
            self._planned_s = start / self._rate
            return Beat(index, start, samples, spans, self._move(self._planned_s))

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
            self._handed_s = (beat.start + len(samples)) / self._rate
            return Handed(samples, spoken, events)

    def _tell(self, start: int, samples: I16, spoken: bool) -> None:
        """Let the speech network hear a block and what follows on it, as far as that is certain."""
        if not (spoken or self._account.waiting):
            return
        ahead = round(AHEAD_S * self._rate)
        following = self._sound.peek(ahead) if self._account.running else np.zeros(0, np.int16)
        if spoken and all(one.complete for one in self._account.waiting):
            following = np.concatenate([following, np.zeros(ahead - len(following), np.int16)])
        line = np.concatenate([samples, following])
        known = max(self._told - start, 0)
        if known < len(line):
            at = start + known
            self._speech.push(as_floats(line[known:]), at / self._rate, self._rate)
            self._told = start + len(line)

    def _move(self, time_s: float) -> Motion:
        voice = self._speech.motion(time_s)
        if self._cut is not None and voice.confidence <= 0:
            voice = hushed(self._cut[1], time_s - self._cut[0])
        else:
            self._cut = None
            self._voice = voice
        asked = self._asked
        gestures = tuple(pair for pair in asked.gestures if not over(pair[0], time_s - pair[1]))
        self._asked = asked = replace(asked, gestures=gestures)
        if self._account.running:
            asked = replace(asked, presence="speaking")
        self._acting, motion = act(self._acting, asked, self._idle.motion(time_s), voice, self._life, seed=self._seed)
        return motion
