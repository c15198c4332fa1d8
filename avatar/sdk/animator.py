"""What an avatar shows, beat by beat: the motion that belongs to what it says, and to what is asked of its face.

A beat's picture shows the mouth of its first sample: sound is known ahead of its time, so the mouth is known without
waiting.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

from avatar.media.pcm import as_floats
from avatar.motion.cues import HOLD_S, Attend, Cue, Feel, Gesture, Look, Mood, check_cue
from avatar.motion.expression_composer import ActingState, Asked, act, hushed, over
from avatar.motion.idle import IdleLife
from avatar.motion.prosody import SpeakingLife
from avatar.motion.speech import SpeechMotion
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.sdk.speech_playout import Cut, Told
from avatar.types import Motion

MOST_GESTURES: Final = 8
"""Gestures at once; the oldest gives way."""


class Performance:
    """One avatar's motion. Any method from any thread."""

    def __init__(self, rate: int, speech: SpeechMotion, *, seed: int = 0) -> None:
        """Be told of sound at `rate` samples a second; another seed is another temperament."""
        self._lock = threading.Lock()
        self._rate, self._seed = rate, seed
        self._speech = speech
        self._idle, self._life = IdleLife(seed), SpeakingLife(seed)
        self._asked, self._acting = Asked(), ActingState()
        self._now_s = 0.0
        self._voice = resting_voice(0.0)
        self._cut = Cut()
        self._closing: VoiceMotion | None = None
        """The mouth that was cut off, until there is another or it has closed."""

    def perform(self, cue: Cue) -> None:
        """Do what a cue asks for from the next beat on. Raises CueError."""
        check_cue(cue)
        with self._lock:
            match cue:
                case Mood(emotion, strength):
                    self._asked = replace(self._asked, emotion=emotion, strength=strength, passing=None)
                case Feel(emotion, strength):
                    self._asked = replace(self._asked, passing=(emotion, strength, self._now_s + HOLD_S))
                case Gesture():
                    gestures = (*self._asked.gestures, (cue, self._now_s))[-MOST_GESTURES:]
                    self._asked = replace(self._asked, gestures=gestures)
                case Look(x, y):
                    self._asked = replace(self._asked, look=(x, y))
                case Attend(presence):
                    self._asked = replace(self._asked, presence=presence)

    def move(self, told: Told) -> Motion:
        """Return the motion of the next beat."""
        with self._lock:
            if told.cut.number > self._cut.number:
                self._cut, self._closing = told.cut, self._voice
                self._speech.reset()
            if len(told.samples):
                self._speech.push(as_floats(told.samples), told.begin_s, self._rate)
            self._now_s = told.time_s
            return self._move(told.time_s, speaking=told.speaking)

    def _move(self, time_s: float, *, speaking: bool) -> Motion:
        voice = self._speech.motion(time_s)
        if self._closing is not None and voice.confidence <= 0:
            voice = hushed(self._closing, time_s - self._cut.time_s)
        else:
            self._closing = None
            self._voice = voice
        asked = self._asked
        gestures = tuple(pair for pair in asked.gestures if not over(pair[0], time_s - pair[1]))
        self._asked = asked = replace(asked, gestures=gestures)
        if speaking:
            asked = replace(asked, presence="speaking")
        self._acting, motion = act(self._acting, asked, self._idle.motion(time_s), voice, self._life, seed=self._seed)
        return motion
