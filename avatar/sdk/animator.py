"""Animation of an avatar, tick by tick: its speech and its cues composed into motion.

A tick's picture shows the mouth of its first sample: sound is known ahead of its time, so the mouth is known without
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
from avatar.sdk.speech_playout import MouthInput
from avatar.types import Motion


class Animator:
    """Turns the mouth's input and cues into the motion of each tick. Any method from any thread."""

    def __init__(self, rate: int, speech: SpeechMotion, *, seed: int = 0) -> None:
        """Take sound at `rate` samples a second; another seed is another temperament."""
        self._lock = threading.Lock()
        self._rate, self._speech = rate, speech
        self._temperament = Temperament(seed)
        self._direction, self._state = Direction(), CompositionState()
        self._now_s = 0.0
        self._cut = VoiceCut()

    def perform(self, cue: Cue) -> None:
        """Follow a cue from the next tick on. Raises CueError."""
        check_cue(cue)
        with self._lock:
            self._direction = follow_cue(self._direction, cue, self._now_s)

    def animate(self, mouth: MouthInput, *, listening: bool = True) -> Motion:
        """Return the motion of the next tick; ticks come in their order. `listening`: as `SpeechMotion.motion`."""
        with self._lock:
            if mouth.cut.number > self._cut.number:
                self._cut = mouth.cut
                self._speech.reset()
            if len(mouth.samples):
                self._speech.push(as_floats(mouth.samples), mouth.begin_s, self._rate)
            self._now_s = mouth.time_s
            sources = Sources(
                temperament=self._temperament,
                voice=self._speech.motion(mouth.time_s, listening=listening),
                voice_known_ahead=True,
                voice_cut=self._cut,
                presence="speaking" if mouth.speaking else None,
                direction=self._direction,
            )
            self._state, motion = compose(sources, self._state, mouth.time_s)
            return motion
