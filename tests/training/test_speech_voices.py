"""Voices for training: sentences that hold every sound, engines that say when they said what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.speech_corpus import ESPEAK_VOICES, KEPT_FOR_TESTING, timed
from training.speech_labels import SILENCE
from training.speech_sentences import make_sentence, make_syllables
from training.speech_targets import SHAPE_OF
from training.speech_voices import Espeak, Festival, Flite, NotInstalledError


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    try:
        return Espeak()
    except NotInstalledError as missing:
        pytest.skip(f"{missing} is not installed (Debian: libespeak-ng1)")


def test_sentences_are_many_and_the_same_each_time() -> None:
    texts = [make_sentence(seed) for seed in range(300)]
    assert len(set(texts)) == 300 and texts[7] == make_sentence(7)
    assert all(text[0].isupper() and text[-1] in ".?!" for text in texts)
    letters = "".join(texts).lower()
    assert all(letters.count(letter) > 100 for letter in "pbmfvwo")


def test_syllables_are_full_of_lips() -> None:
    texts = [make_syllables(seed) for seed in range(100)]
    assert len(set(texts)) == 100 and texts[3] == make_syllables(3)
    letters = "".join(texts).replace(" ", "").replace(",", "")
    assert letters.isascii() and letters.isalpha()
    assert all(letters.count(letter) > 100 for letter in "pbmfv")


def test_espeak_says_what_it_says_when(espeak: Espeak) -> None:
    said = espeak.say("Mama, papa.", "en-gb", 1.0)
    sound, phones, _ = timed(said, "Mama, papa.", None)
    spoken = [phone.ipa for phone in phones if phone.ipa != SILENCE]
    assert spoken.count("m") == 2 and spoken.count("p") == 2
    level = [float(np.abs(sound[round(p.start_s * 16e3) : round(p.end_s * 16e3)]).mean()) for p in phones]
    loud = [value for value, phone in zip(level, phones, strict=True) if phone.ipa not in (SILENCE, "p")]
    quiet = [value for value, phone in zip(level, phones, strict=True) if phone.ipa == SILENCE]
    assert min(loud) > max(quiet)


def test_faster_is_shorter(espeak: Espeak) -> None:
    slow, fast = (len(espeak.say("A big umbrella for everyone.", "en-gb", speed).sound) for speed in (0.8, 1.4))
    assert fast < 0.75 * slow


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed (Debian: flite)")
def test_flite_tells_its_segments() -> None:
    said = Flite().say("Five big books.", "slt", 1.0)
    assert [phone.ipa for phone in said.phones if phone.ipa != SILENCE][:3] == ["f", "aɪ", "v"]
    assert said.phones[-1].end_s == pytest.approx(len(said.sound) / said.rate, abs=0.1)


def test_every_sound_they_make_has_a_mouth(espeak: Espeak) -> None:
    for seed in range(5):
        for phone in espeak.say(make_sentence(seed), "en-gb-scotland", 1.0).phones:
            assert phone.ipa == SILENCE or any(letter in SHAPE_OF for letter in phone.ipa), phone.ipa


def test_a_corpus_is_made_and_gone_on_with_by_the_voices_that_are_here(tmp_path: Path, espeak: Espeak) -> None:
    command = [sys.executable, "-m", "training.speech_corpus", "--out", str(tmp_path), "--files", "1"]
    command += ["--flite-files", "1"]
    written: list[float] = []
    for _ in range(2):
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
        written.append(max(file.stat().st_mtime for file in tmp_path.iterdir()))
    assert written[0] == written[1]
    labels, sounds = sorted(tmp_path.glob("*.json")), sorted(tmp_path.glob("*.wav"))
    assert len(labels) == len(sounds) >= len(ESPEAK_VOICES)
    assert not any(kept in label.name for label in labels for kept in KEPT_FOR_TESTING)
    for engine, program in (("flite", "flite"), ("festival", "festival"), ("abroad", "festival")):
        line = next(line for line in told.splitlines() if line.startswith(f"{engine}: "))
        assert ("left out" in line) == (shutil.which(program) is None), line
        assert ("left out" in line) or f"{len(list(tmp_path.glob(f'{engine}_*.json')))} voices" in line


def test_a_voice_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "festival"
    program.write_text("#!/bin/sh\necho '(kal_diphone)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NotInstalledError, match="lp_diphone"):
        Festival().say("pa pa", "lp_diphone", 1.0)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    for engine in (Festival, Flite):
        with pytest.raises(NotInstalledError, match=engine.__name__.lower()):
            engine()
