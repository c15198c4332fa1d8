"""Augmented streams for the speech network's training: labelled speech in rooms, noise, and through microphones.

Utterances are strung together to streams of about half a minute with one gain, one room and one noise each, silence in
between, and then heard by the same front end as in a call.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, resample_poly

from avatar.errors import MediaError
from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.perception.speech.activity import VoiceLevels
from avatar.perception.speech.features import LogMelFeatures, SpeechFeatures
from avatar.perception.speech.log_mel import RATE, LogMelStream
from avatar.types import F32
from training.speech_labels import SILENCE, Phone, tidy
from training.speech_targets import mouth_targets
from training.speech_voices import read_wave

UTTERANCES: Final = 6
PAUSES_S: Final = (0.2, 1.2)
LONG_PAUSES_S, LONG_PAUSE_SHARE = (2.0, 4.5), 0.25
"""Now and then nobody speaks for so long that only the room is heard: the mouth rests through it."""
LOUD_ROOM_DB, LOUD_ROOM_SHARE = (7.0, 14.0), 0.4
"""Backgrounds so near below the voice teach that a murmur is no voice; the others are quieter."""
SNR_DB: Final = (10.0, 38.0)
RECORDED_SHARE: Final = 0.4
"""Share of the backgrounds that are recordings, where there are any; the others are made up."""
ROOM_DB, RECORDED_DB = (-72.0, -28.0), (-50.0, -12.0)
"""How loud it is where nobody speaks: music is played as loud as a voice."""
STRETCH: Final = (0.88, 1.14)
"""A voice is played slower or faster by this much: another throat, another pace."""
UNKNOWN: Final = -1.0
"""Class of a frame nobody labelled."""


@dataclass(frozen=True, slots=True)
class LabelledSound:
    """One utterance and what is said when."""

    sound: F32
    """(n,), 16 kHz, -1..1."""
    phones: list[Phone]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Background voices and noises for augmentation."""

    voices: Sequence[F32]
    """Other people's sound, (n,) each."""
    noises: Sequence[F32] = ()
    """Recorded music and noises, (n,) each."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training example: features and the mouth that belongs to them, frame by frame."""

    heard: NDArray[np.float16]
    """(n, size), the network's input, in half precision: hours of hidden states are many."""
    mouth: F32
    """(n, 27)."""
    closure: F32
    """(n,)."""
    kind: F32
    """(n,), index into `CLASSES`, `UNKNOWN` where nobody knows: closure is unknown there too."""
    weight: F32
    """(n,), how much a frame counts: 0 where even the mouth is unknown."""


def read_labelled(label: Path) -> LabelledSound:
    """Return the utterance of a JSON file and the WAV beside it.

    Raises:
        MediaError: they are not such files.
    """
    try:
        found = json.loads(label.read_text(encoding="utf-8"))
        phones = [Phone(str(p["p"]), float(p["start_ms"]) / 1e3, float(p["end_ms"]) / 1e3) for p in found["phonemes"]]
        sound, rate = read_wave(label.with_suffix(".wav"))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise MediaError(f"{label} is not labelled speech: {error}") from error
    if rate != RATE:
        raise MediaError(f"{label.with_suffix('.wav')} has {rate} samples a second, not {RATE}.")
    return LabelledSound(sound, phones)


def make_lesson(
    utterances: Sequence[LabelledSound],
    around: Surroundings,
    rng: np.random.Generator,
    features: SpeechFeatures | None = None,
) -> Lesson:
    """Return some utterances, said one after another, as one stream with the troubles that `rng` draws.

    Its features are those of `features`; None: log-mel, as for the shipped network.
    """
    sounds: list[F32] = []
    phones: list[Phone] = []
    at = 0.0
    for utterance in utterances:
        pause = float(rng.uniform(*(LONG_PAUSES_S if rng.random() < LONG_PAUSE_SHARE else PAUSES_S)))
        factor = float(rng.uniform(*STRETCH))
        sound = resampled(utterance.sound, factor) * np.float32(10 ** (rng.uniform(-5, 2) / 20))
        sounds += [np.zeros(round(pause * RATE), np.float32), sound]
        length = len(sound) / RATE
        begin = at + round(pause * RATE) / RATE
        phones.append(Phone(SILENCE, at, begin))
        phones += [Phone(p.ipa, begin + p.start_s / factor, begin + p.end_s / factor) for p in utterance.phones]
        at = begin + length
    clean = np.concatenate(sounds)
    loud = relative_loudness(clean)
    targets = mouth_targets(tidy(phones, len(clean) / RATE), loud)
    heard = extract_features(troubled(clean, around, rng), features)
    count = min(len(heard), len(loud))
    return Lesson(
        heard[:count],
        targets.mouth[:count],
        targets.closure[:count],
        targets.kind[:count].astype(np.float32),
        np.ones(count, np.float32),
    )


def noise_lesson(
    length_s: float, around: Surroundings, rng: np.random.Generator, features: SpeechFeatures | None = None
) -> Lesson:
    """Return a stretch in which nobody speaks to the microphone: hum, music, far voices; the mouth rests."""
    count = round(length_s * RATE)
    recorded = bool(around.noises) and rng.random() < RECORDED_SHARE
    noise = recorded_noise(count, around.noises, rng) if recorded else background(count, around, rng)
    level_db = rng.uniform(*(RECORDED_DB if recorded else ROOM_DB))
    heard = extract_features(np.clip(noise * np.float32(10 ** (level_db / 20)), -1, 1), features)
    rest = np.zeros((len(heard), len(MOUTH)), np.float32)
    none = np.zeros(len(heard), np.float32)
    return Lesson(heard, rest, none, np.full(len(heard), CLASSES.index("silence"), np.float32), none + 1)


def extract_features(sound: F32, features: SpeechFeatures | None = None) -> NDArray[np.float16]:
    """Return the network's input (n, size) for a stream (m,) at 16 kHz from its start; features None: log-mel."""
    features = LogMelFeatures() if features is None else features
    features.reset()
    return features.push(sound).frames.astype(np.float16)


def relative_loudness(sound: F32) -> F32:
    """Return the (n,) levels of the frames of (m,) samples relative to that voice's usual one, in dB."""
    _, level_db = LogMelStream().push(sound)
    return level_db - VoiceLevels().push(level_db).voice_db


def resampled(sound: F32, factor: float) -> F32:
    """Return (m,) samples played `factor` times as fast, higher in pitch and formants."""
    return np.asarray(resample_poly(sound, 100, max(round(100 * factor), 1)), np.float32)


def troubled(sound: F32, around: Surroundings, rng: np.random.Generator) -> F32:
    """Return a stream (m,) as a microphone somewhere would give it."""
    heard = sound
    if rng.random() < 0.45:
        heard = in_room(heard, rng)
    if rng.random() < 0.7:
        snr_db = rng.uniform(*(LOUD_ROOM_DB if rng.random() < LOUD_ROOM_SHARE else SNR_DB))
        power = float(np.mean(np.square(heard[np.abs(heard) > 1e-3]))) if np.abs(heard).max() > 1e-3 else 1e-4
        heard = heard + background(len(heard), around, rng) * np.float32(np.sqrt(power) * 10 ** (-snr_db / 20))
    if rng.random() < 0.2:
        edge = float(rng.choice([3400, 4000, 5500, 7000]))
        b, a = butter(4, edge, fs=RATE)
        heard = np.asarray(lfilter(b, a, heard), np.float32)
    if rng.random() < 0.3:
        tilt = rng.uniform(-0.5, 0.5)  # a bright or dull microphone
        heard = np.asarray(lfilter([1, tilt], [1 + abs(tilt)], heard), np.float32)
    heard = heard * np.float32(10 ** (rng.uniform(-22, 5) / 20))
    return np.clip(heard, -1, 1).astype(np.float32)


def in_room(sound: F32, rng: np.random.Generator) -> F32:
    """Return a stream (m,) with the echo of a room that dies away in 0.1 to 0.6 s."""
    rt60 = rng.uniform(0.1, 0.6)
    tail = rng.standard_normal(round(rt60 * RATE)) * 10 ** (-3 * np.arange(round(rt60 * RATE)) / (rt60 * RATE))
    tail[: round(0.004 * RATE)] = 0
    tail *= 10 ** (rng.uniform(-14, -2) / 20) / np.sqrt(np.sum(np.square(tail)) + 1e-9)
    tail[0] = 1
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], np.float32)


def recorded_noise(count: int, noises: Sequence[F32], rng: np.random.Generator) -> F32:
    """Return (count,) samples of unit power of some of the recordings, one after another from anywhere within."""
    pieces, length = [], 0
    while length < count:
        noise = noises[int(rng.integers(len(noises)))]
        piece = noise[int(rng.integers(max(len(noise) - RATE, 1))) :]
        pieces.append(piece / (np.sqrt(np.mean(np.square(piece))) + 1e-6))
        length += len(piece)
    noise = np.concatenate(pieces)[:count]
    return np.asarray(noise / (np.sqrt(np.mean(np.square(noise))) + 1e-9), np.float32)


def background(count: int, around: Surroundings, rng: np.random.Generator) -> F32:
    """Return (count,) samples of unit power that are no voice to follow."""
    if around.noises and rng.random() < RECORDED_SHARE:
        return recorded_noise(count, around.noises, rng)
    kind = rng.choice(["hiss", "hum", "tones", "babble"], p=[0.25, 0.1, 0.15, 0.5])
    times = np.arange(count) / RATE
    if kind == "hiss":
        pole = rng.uniform(0, 0.98)
        noise = lfilter([1], [1, -pole], rng.standard_normal(count))
    elif kind == "hum":
        base = rng.choice([50.0, 60.0, 100.0, 120.0])
        noise = sum(np.sin(2 * np.pi * base * k * times + rng.uniform(0, 6)) / k for k in range(1, 8))
        noise = noise + 0.1 * rng.standard_normal(count)
    elif kind == "tones":
        noise = np.zeros(count)
        length = round(rng.uniform(0.15, 0.6) * RATE)
        for start in range(0, count, length):
            span = times[: min(length, count - start)]
            for _ in range(int(rng.integers(1, 4))):
                hz = 110 * 2 ** (rng.integers(0, 48) / 12)
                decay = np.exp(-span * rng.uniform(1, 6))
                noise[start : start + len(span)] += decay * sum(
                    np.sin(2 * np.pi * hz * k * span) / k**1.5 for k in range(1, 6) if hz * k < RATE / 2
                )
    else:
        noise = np.zeros(count)
        for _ in range(int(rng.integers(3, 9))):
            voice = np.resize(
                np.roll(around.voices[int(rng.integers(len(around.voices)))], int(rng.integers(RATE))), count
            )
            noise += voice / (np.sqrt(np.mean(np.square(voice))) + 1e-6)
    noise = np.asarray(noise, np.float32)
    return np.asarray(noise / (np.sqrt(np.mean(np.square(noise))) + 1e-9), np.float32)
