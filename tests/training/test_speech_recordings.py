"""Recorded people as lessons: prompts with their texts, and only those whose sounds can be found."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import MediaError
from training import speech_recordings
from training.speech_labels import SILENCE, Phone
from training.speech_recordings import plausible, prompts


@pytest.fixture
def prompts_of_debian(tmp_path: Path) -> Path:
    """Folders as the packages lay them out, with empty recordings."""
    texts = tmp_path / "asterisk-core-sounds-it"
    texts.mkdir()
    told = ["\ufeff; A comment", "", "hello: Buongiorno.", "beep: [a tone]", "missing: Manca.", "hash: Premi #"]
    (texts / "core-sounds-it.txt.gz").write_bytes(gzip.compress("\n".join(told).encode()))
    sounds = tmp_path / "it_IT_m_Carlo"
    sounds.mkdir()
    for name in ("hello", "beep", "hash"):
        (sounds / f"{name}.g722").touch()
    return tmp_path


def test_prompts_are_those_with_words_and_a_recording(prompts_of_debian: Path) -> None:
    found = list(prompts("it", prompts_of_debian, prompts_of_debian))
    assert found == [(prompts_of_debian / "it_IT_m_Carlo" / "hello.g722", "Buongiorno.")]


def test_without_the_package_its_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="install asterisk-core-sounds-fr"):
        list(prompts("fr", tmp_path, tmp_path))


def test_speech_at_no_human_pace_is_left_out() -> None:
    def at_pace(length_s: float) -> list[Phone]:
        return [Phone(SILENCE, 0.0, 1.0)] + [Phone("a", 1 + i * length_s, 1 + (i + 1) * length_s) for i in range(20)]

    assert plausible(at_pace(0.08))
    assert not plausible(at_pace(0.03)) and not plausible(at_pace(0.2))
    assert not plausible([*at_pace(0.08), Phone("m", 2.6, 3.2)])
    assert not plausible([Phone(SILENCE, 0.0, 1.0)])


def test_a_prompt_that_cannot_be_aligned_is_left_out(
    prompts_of_debian: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Voiceless:
        def words(self, _text: str, _voice: str) -> list[list[str]]:
            return [["a"]]

    class Deaf:
        def align_sounds(self, _sound: object, _words: object) -> None:
            return None

    monkeypatch.setattr(speech_recordings, "Pronouncer", Voiceless)
    monkeypatch.setattr(speech_recordings, "Aligner", Deaf)
    monkeypatch.setattr(speech_recordings, "read_g722", lambda _path: np.zeros(32_000, np.float32))
    assert speech_recordings.label("it", prompts_of_debian, prompts_of_debian, tmp_path) == 0.0
    assert not list(tmp_path.glob("*.json"))
