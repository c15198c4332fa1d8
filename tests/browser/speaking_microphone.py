"""What the browser's fake microphone plays: a sentence, a pause in which the avatar begins to answer, and another."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avatar.conversation.tts import open_voice

RATE = 48_000
PAUSE_S, REST_S = 3.2, 9.0
"""Silence after the first sentence, in which an answer begins but does not end, and after the second."""
SENTENCES = ("Hello there, it is nice to meet you today.", "Wait a moment, I have something else to tell you.")


@dataclass(frozen=True)
class SpeakingMicrophone:
    """The files; the browser plays them again and again."""

    video: Path
    sound: Path


def make_speaking_microphone(folder: Path, video: Path) -> SpeakingMicrophone:
    """Write the sound into `folder`. Raises VoiceError where no voice is installed."""
    voice = open_voice()
    parts = []
    for sentence, silence_s in zip(SENTENCES, (PAUSE_S, REST_S), strict=True):
        samples = np.concatenate(list(voice.speak(sentence)))
        parts += [_resampled(samples, voice.sample_rate), np.zeros(round(silence_s * RATE), np.int16)]
    path = folder / "speaker.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate(parts).astype("<i2").tobytes())
    return SpeakingMicrophone(video, path)


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    loud = 0.6 * samples / np.abs(samples).max()
    frame = av.AudioFrame.from_ndarray((loud * 32767).astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    return np.concatenate([piece.to_ndarray()[0] for piece in (*resampler.resample(frame), *resampler.resample(None))])
