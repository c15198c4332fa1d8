"""What an avatar shows, beat by beat: the motion that belongs to what it says, and to what is asked of its face.

A beat's picture shows the mouth of its first sample: sound is known ahead of its time, so the mouth is known without
waiting.
"""

from __future__ import annotations

import threading

from avatar.media.pcm import as_floats
from avatar.motion.composer import CompositionState, Sources, Temperament, compose
from avatar.motion.cues import Cue, check_cue
from avatar.motion.direction import Direction, follow_cue
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_cut import VoiceCut
from avatar.sdk.speech_playout import Told
from avatar.types import Motion


class Performance:
    """One avatar's motion. Any method from any thread."""

    def __init__(self, rate: int, speech: SpeechMotion, *, seed: int = 0) -> None:
        """Be told of sound at `rate` samples a second; another seed is another temperament."""
        self._lock = threading.Lock()
        self._rate, self._speech = rate, speech
        self._temperament = Temperament(seed)
        self._direction, self._state = Direction(), CompositionState()
        self._now_s = 0.0
        self._cut = VoiceCut()

    def perform(self, cue: Cue) -> None:
        """Do what a cue asks for from the next beat on. Raises CueError."""
        check_cue(cue)
        with self._lock:
            self._direction = follow_cue(self._direction, cue, self._now_s)

    def move(self, told: Told) -> Motion:
        """Return the motion of the next beat."""
        with self._lock:
            if told.cut.number > self._cut.number:
                self._cut = VoiceCut(told.cut.number, told.cut.time_s)
                self._speech.reset()
            if len(told.samples):
                self._speech.push(as_floats(told.samples), told.begin_s, self._rate)
            self._now_s = told.time_s
            sources = Sources(
                temperament=self._temperament,
                voice=self._speech.motion(told.time_s),
                voice_known_ahead=True,
                voice_cut=self._cut,
                presence="speaking" if told.speaking else None,
                direction=self._direction,
            )
            self._state, motion = compose(sources, self._state, told.time_s)
            return motion
