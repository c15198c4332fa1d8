"""A clip and a voice made from nothing but this project: no recording of anybody, the same on every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import lfilter

from avatar.generator.geometry import GeometryGenerator
from avatar.identities.open import open_identity
from avatar.media.audio import SOUND_RATE
from avatar.media.movie_writer import MovieWriter
from avatar.media.pcm import to_mono_pcm, wav_bytes
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32, Motion, rest_motion

STRAIGHT_S: Final = 1.5
"""How long a driver's own rest is looked for, and a little."""
VOICE_RATE: Final = 16_000
CLIP_SIZE: Final = (480, 360)
CLIP_FPS: Final = 25
ACTOR: Final = "astronaut"
"""The built-in face that acts in the clip: a photograph, so that a tracker meets what it is made for."""
_SOUNDS: Final[tuple[tuple[tuple[int, int, int] | None, float], ...]] = (
    ((730, 1090, 2440), 0.22), (None, 0.09), ((270, 2290, 3010), 0.20), ((300, 870, 2240), 0.22), (None, 0.10),
    ((570, 840, 2410), 0.20), ((530, 1840, 2480), 0.22), (None, 0.08), ((640, 1190, 2390), 0.24),
)  # fmt: skip
"""Vowels as (formants in Hz, seconds), hisses as None: men's vowels after Peterson & Barney, "Control methods used in a
study of the vowels", J. Acoust. Soc. Am. 24 (1952)."""


def voice_like(seconds: float) -> F32:
    """Return (n,) samples, -1..1 at `VOICE_RATE`, of vowels and hisses after each other, with rests between rounds.

    Pulses through resonators (Klatt, "Software for a cascade/parallel formant synthesizer", 1980): enough of a voice
    for a mouth to follow, and no word in it.
    """
    rng = np.random.default_rng(7)
    pieces: list[F32] = [np.zeros(VOICE_RATE // 5, np.float32)]
    while sum(map(len, pieces)) < seconds * VOICE_RATE:
        for formants, length_s in _SOUNDS:
            pieces.append(_hiss(length_s, rng) if formants is None else _vowel(formants, length_s))
        pieces.append(np.zeros(VOICE_RATE // 4, np.float32))
    return np.concatenate(pieces)[: round(seconds * VOICE_RATE)]


def write_voice(path: Path, seconds: float) -> None:
    """Write `voice_like` as a WAV file."""
    path.write_bytes(wav_bytes(to_mono_pcm(voice_like(seconds), VOICE_RATE), VOICE_RATE))


def write_clip(
    path: Path, seconds: float, *, sound: bool = False, act: Callable[[float], Motion] | None = None
) -> None:
    """Write an MP4 of a built-in face that turns, nods, leans, speaks, smiles, blinks and looks around.

    It is silent, or has the sound of `voice_like`. With `act` it does what that says of each moment (seconds).
    """
    act = act or acted
    generator = GeometryGenerator(open_identity(ACTOR), CLIP_SIZE)
    with MovieWriter(path, CLIP_SIZE, CLIP_FPS, sound=sound) as movie:
        if sound:
            movie.sound(np.tile(np.repeat(voice_like(seconds), SOUND_RATE // VOICE_RATE), (2, 1)), 0)
        for index in range(round(seconds * CLIP_FPS)):
            movie.picture(generator.render(act(index / CLIP_FPS)), index / CLIP_FPS)


def acted(time_s: float) -> Motion:
    """Return what the clip's face does at a moment: every part of it moves within two seconds."""

    def wave(hertz: float, phase: float = 0.0) -> float:
        return float(np.sin(2 * np.pi * (hertz * time_s + phase)))

    blink = max(0.0, 1 - abs(time_s % 1.3 - 0.9) / 0.12)
    coefficients = {
        "jawOpen": 0.3 + 0.3 * wave(1.7, -0.25),
        "mouthSmileLeft": 0.35 + 0.35 * wave(0.45, -0.25),
        "mouthSmileRight": 0.35 + 0.35 * wave(0.45, -0.25),
        "mouthPucker": max(0.0, 0.5 * wave(0.8, 0.4)),
        "browInnerUp": max(0.0, 0.6 * wave(0.6)),
        "eyeBlinkLeft": blink,
        "eyeBlinkRight": blink,
    }
    blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
    for name, value in coefficients.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    return Motion(
        time_s=time_s,
        blendshapes=blendshapes,
        rotation=np.radians([6 * wave(0.7), 16 * wave(0.5), 5 * wave(0.4, 0.2)]).astype(np.float32),
        translation=np.array([0.12 * wave(0.5), 0.06 * wave(0.9)], np.float32),
        scale=1 + 0.05 * wave(0.35),
        gaze=np.array([0.1 * wave(0.9, 0.3), 0.04 * wave(0.6)], np.float32),
    )


def turning(time_s: float) -> Motion:
    """Return a head that looks straight ahead for `STRAIGHT_S`, then left and right, ever faster.

    No turn is like another: a picture that comes late, or turned the wrong way, is like no other moment of it.
    """
    since_s = max(time_s - STRAIGHT_S, 0.0)
    yaw = 15 * np.sin(2 * np.pi * (0.3 + 0.07 * since_s) * since_s)
    return replace(rest_motion(time_s), rotation=np.radians([0, yaw, 0]).astype(np.float32))


def _vowel(formants: tuple[int, int, int], length_s: float) -> F32:
    count = round(length_s * VOICE_RATE)
    pitch_hz = np.linspace(128, 108, count)
    turns = np.cumsum(pitch_hz) / VOICE_RATE
    sound = np.diff(np.floor(turns), prepend=0.0)  # one pulse a turn
    for formant_hz, width_hz in zip(formants, (60, 90, 150), strict=True):
        radius = np.exp(-np.pi * width_hz / VOICE_RATE)
        turn = 2 * np.pi * formant_hz / VOICE_RATE
        sound = lfilter([1 - radius], [1, -2 * radius * np.cos(turn), radius**2], sound)
    return _shaped(sound, 0.4)


def _hiss(length_s: float, rng: np.random.Generator) -> F32:
    return _shaped(lfilter([1, -0.9], [1], rng.standard_normal(round(length_s * VOICE_RATE))), 0.08)


def _shaped(sound: F32, peak: float) -> F32:
    """Return a sound of that peak whose ends fade in 20 ms."""
    steps = np.arange(len(sound)) / (0.02 * VOICE_RATE)
    fade = np.clip(np.minimum(steps, steps[::-1]), 0, 1)
    return np.asarray(sound * fade * (peak / np.abs(sound).max()), np.float32)
