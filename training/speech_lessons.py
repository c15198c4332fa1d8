"""Lessons of the speech network's training: made of a corpus and of clips, kept in a file, cut into batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.numpy import load_file

from avatar.errors import AvatarError, MediaError
from avatar.models.store import get_model
from avatar.models.tensor_file import write_tensor_file
from avatar.motion.speech_network import AHEAD_FRAMES
from avatar.motion.voice_network import HiddenLayer, features_metadata, hidden_layer, read_metadata
from avatar.perception.speech.features import SpeechFeatures
from avatar.perception.speech.log_mel import RATE
from training.speech_clips import clip_lesson, read_sound, talking_clips
from training.speech_streams import (
    UTTERANCES,
    LabelledSound,
    Lesson,
    Surroundings,
    make_lesson,
    noise_lesson,
    read_labelled,
)

CROP: Final = 300
"""Frames of one example."""
NATURAL: Final = ("human", "kokoro")
"""Engines, as file names begin, that sound like a live voice."""
NOISE_SHARE: Final = 0.25
"""Stretches in which nobody speaks, for each stretch of speech."""
NOISE_S, QUIETEST = 60, 0.01
"""Seconds of each recorded noise that are used, and the loudest sample of one that is heard at all."""
REAL_VERSIONS: Final = 8
"""How often each real clip is made a lesson."""
LESSON_FIELDS: Final = ("heard", "mouth", "closure", "kind", "weight")
HALF: Final = ("heard", "mouth")
"""Fields that are kept in half precision."""


class Lessons:
    """All lessons end to end; batches of examples are cut from anywhere in them."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the fields of `Lesson`, as `end_to_end` returns them."""
        self._joined = {name: torch.from_numpy(arrays[name]) for name in LESSON_FIELDS}
        self.frames, self.size = self._joined["heard"].shape

    @classmethod
    def kept(cls, path: Path, make: Callable[[], list[Lesson]], trained_on: HiddenLayer | None = None) -> Lessons:
        """Return the lessons of a file, made and written if it is not there.

        Raises:
            AvatarError: those that are there were made with other features.
        """
        if not path.exists():
            _write_lessons(end_to_end(make()), path, trained_on)
        if (found := hidden_layer(read_metadata(path), path)) != trained_on:
            raise AvatarError(f"{path} was made with other features, {found or 'log-mel'}: choose another --out.")
        return cls(load_file(path))

    def batch(self, size: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """Return `size` examples; answers are moved so that they stand where the network gives them."""
        starts = rng.integers(AHEAD_FRAMES, self.frames - CROP, size)
        cut = {}
        for name, joined in self._joined.items():
            shift = 0 if name == "heard" else AHEAD_FRAMES
            cut[name] = torch.stack([joined[start - shift : start - shift + CROP] for start in starts.tolist()]).float()
        return cut


def end_to_end(lessons: list[Lesson]) -> dict[str, np.ndarray]:
    """Return some lessons end to end, by field, as precisely as they are kept."""
    arrays = {name: np.concatenate([getattr(lesson, name) for lesson in lessons]) for name in LESSON_FIELDS}
    return {name: a.astype(np.float16 if name in HALF else np.float32, copy=False) for name, a in arrays.items()}


def _write_lessons(arrays: dict[str, np.ndarray], path: Path, trained_on: HiddenLayer | None) -> None:
    write_tensor_file(path, arrays, features_metadata(trained_on, arrays["heard"].shape[1]))


def read_surroundings(corpus: Path, noises: Path | None, seed: int) -> Surroundings:
    """Return some of a corpus's voices for backgrounds, and the start of each sound file of a folder."""
    rng = np.random.default_rng(seed)
    labels = sorted(corpus.glob("*.json"))
    voices = [
        read_labelled(labels[int(i)]).sound for i in rng.choice(len(labels), min(200, len(labels)), replace=False)
    ]
    recorded = []
    for path in sorted(noises.rglob("*")) if noises is not None else ():
        if not path.is_file():
            continue
        try:
            sound = read_sound(path)[: NOISE_S * RATE]
        except MediaError as error:
            print(f"left out: {error}", flush=True)
            continue
        if len(sound) > RATE and np.abs(sound).max() > QUIETEST:
            recorded.append(sound)
    return Surroundings(voices, recorded)


def make_synthetic(
    corpus: Path, around: Surroundings, versions: int, seed: int, features: SpeechFeatures | None = None
) -> list[Lesson]:
    """Return lessons of a folder of labelled speech."""
    rng = np.random.default_rng(seed)
    said: list[LabelledSound] = [read_labelled(label) for label in sorted(corpus.glob("*.json"))]
    # People and neural voices are heard three times as often.
    natural = [index for index, label in enumerate(sorted(corpus.glob("*.json"))) if label.stem.startswith(NATURAL)]
    lessons = []
    for version in range(versions):
        order = rng.permutation([*range(len(said)), *natural, *natural])
        for start in range(0, len(order), UTTERANCES):
            chosen = [said[int(index)] for index in order[start : start + UTTERANCES]]
            lessons.append(make_lesson(chosen, around, rng, features))
            if rng.random() < NOISE_SHARE:
                lessons.append(noise_lesson(float(rng.uniform(3, 10)), around, rng, features))
        print(f"lessons, version {version + 1} of {versions}: {len(lessons)}", flush=True)
    return lessons


def make_real(
    clips: Path, manifest: Path, tracks: Path, around: Surroundings, versions: int, seed: int,
    features: SpeechFeatures | None = None,
) -> list[Lesson]:  # fmt: skip
    """Return lessons of the training split's talking clips."""
    rng = np.random.default_rng(seed)
    model = get_model("face_landmarker")
    chosen = talking_clips(clips, manifest, "train")
    return [clip_lesson(clip, model, tracks, around, rng, features) for _ in range(versions) for clip in chosen]
