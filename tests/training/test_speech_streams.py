"""What a network hears in training: speech with troubles, and the mouths that belong to it frame by frame."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import MediaError
from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.perception.speech.log_mel import BANDS, RATE
from training.speech_labels import SILENCE, Phone
from training.speech_streams import (
    LabelledSound,
    Surroundings,
    background,
    in_room,
    make_lesson,
    noise_lesson,
    read_labelled,
    recorded_noise,
    resampled,
    troubled,
)


@pytest.fixture(scope="module")
def utterance() -> LabelledSound:
    rng = np.random.default_rng(0)
    sound = np.zeros(RATE, np.float32)
    sound[4000:12000] = 0.3 * np.sign(np.sin(np.arange(8000) * 2 * np.pi * 120 / RATE)) + 0.01 * rng.random(8000)
    phones = [Phone(SILENCE, 0, 0.25), Phone("m", 0.25, 0.4), Phone("ɑ", 0.4, 0.75), Phone(SILENCE, 0.75, 1.0)]
    return LabelledSound(sound, phones)


def test_a_lesson_tells_a_mouth_for_every_frame_heard(utterance: LabelledSound) -> None:
    lesson = make_lesson([utterance] * 4, Surroundings([utterance.sound]), np.random.default_rng(1))
    count = len(lesson.heard)
    assert lesson.heard.shape == (count, BANDS) and lesson.mouth.shape == (count, len(MOUTH))
    assert len(lesson.closure) == len(lesson.kind) == len(lesson.weight) == count
    assert np.isfinite(lesson.heard).all() and lesson.closure.max() > 0.95
    assert {CLASSES[int(kind)] for kind in np.unique(lesson.kind)} == {"silence", "closed", "open"}


def test_sound_and_mouth_stay_in_step_however_fast_it_is_played(utterance: LabelledSound) -> None:
    """Where it is loud the mouth is not silent, and the other way round."""
    for seed in range(5):
        lesson = make_lesson([utterance] * 3, Surroundings([utterance.sound]), np.random.default_rng(seed))
        level = lesson.heard.max(axis=1)
        talking = lesson.kind != CLASSES.index("silence")
        assert np.corrcoef(level, talking)[0, 1] > 0.5
        assert np.median(level[talking]) > np.median(level[~talking]) + 0.3


def test_noise_alone_asks_for_a_mouth_at_rest(utterance: LabelledSound) -> None:
    lesson = noise_lesson(2.0, Surroundings([utterance.sound]), np.random.default_rng(2))
    assert not lesson.mouth.any() and (lesson.kind == CLASSES.index("silence")).all()


def test_recorded_noises_are_heard_from_anywhere_and_rested_through() -> None:
    rng = np.random.default_rng(0)
    hum, crackle = (
        np.sin(np.arange(3 * RATE) * 0.1).astype(np.float32),
        rng.standard_normal(2 * RATE).astype(np.float32),
    )
    noise = recorded_noise(5 * RATE, [hum, 0.01 * crackle], rng)
    assert len(noise) == 5 * RATE and np.sqrt(np.mean(np.square(noise))) == pytest.approx(1, rel=0.01)
    around = Surroundings([crackle], [hum, crackle])
    lessons = [noise_lesson(2.0, around, np.random.default_rng(seed)) for seed in range(6)]
    assert all(
        (lesson.kind == CLASSES.index("silence")).all() and np.isfinite(lesson.heard).all() for lesson in lessons
    )
    assert max(float(lesson.heard.max()) for lesson in lessons) > 0, "some are as loud as a voice"


def test_troubles_keep_length_and_scale(utterance: LabelledSound) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        heard = troubled(utterance.sound, Surroundings([utterance.sound]), rng)
        assert heard.shape == utterance.sound.shape and np.isfinite(heard).all() and np.abs(heard).max() <= 1
        noise = background(RATE, Surroundings([utterance.sound]), rng)
        assert np.sqrt(np.mean(np.square(noise))) == pytest.approx(1, rel=0.01)
    assert len(in_room(utterance.sound, np.random.default_rng(0))) == len(utterance.sound)
    assert len(resampled(utterance.sound, 1.1)) == pytest.approx(RATE / 1.1, abs=2)


def test_labelled_speech_is_read_and_anything_else_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.full(RATE, 16384, "<i2").tobytes())
    label = tmp_path / "a.json"
    label.write_text(json.dumps({"phonemes": [{"p": "m", "start_ms": 0, "end_ms": 250}]}))
    read = read_labelled(label)
    assert read.phones == [Phone("m", 0.0, 0.25)] and read.sound[0] == pytest.approx(0.5)
    label.write_text("{}")
    with pytest.raises(MediaError, match="labelled"):
        read_labelled(label)
