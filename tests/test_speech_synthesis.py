"""A text becomes speech, or the reason why not is said."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from avatar import speech_synthesis
from avatar.cli import main
from avatar.commands.say import write_speech
from avatar.errors import VoiceError
from avatar.media_pictures import probe_clip
from avatar.media_sound import sound_seconds
from avatar.speech_synthesis import LONGEST_TEXT, VOICES, checked, open_voice


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_speaks_longer_texts_longer(name: str) -> None:
    try:
        voice = open_voice(name)
    except VoiceError as error:
        pytest.skip(str(error))
    short, long = (np.concatenate(list(voice.speak(text))) for text in ("Yes.", "Yes, and here is why I think so."))
    assert len(long) > 1.5 * len(short) > 0.1 * voice.sample_rate
    assert np.abs(long).max() <= 1 and np.abs(long).max() > 0.05


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(VoiceError, match="nothing to say"):
        checked(" \n\t ")


def test_a_book_is_refused() -> None:
    with pytest.raises(VoiceError, match="characters"):
        checked("word " * LONGEST_TEXT)


def test_an_unknown_voice_is_refused_with_the_list() -> None:
    with pytest.raises(VoiceError, match="hibari, espeak"):
        open_voice("parrot")


def test_where_nothing_speaks_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> speech_synthesis.Voice:
        raise VoiceError("not installed: get it")

    monkeypatch.setattr(speech_synthesis, "VOICES", {"hibari": missing, "espeak": missing})
    with pytest.raises(VoiceError, match="hibari: not installed: get it; espeak: not installed: get it"):
        open_voice()


class Hum:
    """A voice of one vowel."""

    sample_rate = 16_000

    def speak(self, text: str) -> list[np.ndarray]:
        times = np.arange(len(text) * 1600) / 16_000
        return [np.float32(0.3) * np.sin(2 * np.pi * 150 * times).astype(np.float32)]


def test_speech_is_written_with_a_breath_around_it(tmp_path: Path) -> None:
    write_speech(Hum(), "0123456789", tmp_path / "s.wav")  # type: ignore[arg-type,unused-ignore]
    assert sound_seconds(tmp_path / "s.wav") == pytest.approx(1.6, abs=0.02)


def test_say_makes_a_movie_with_the_voice_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_synthesis, "VOICES", {"hibari": Hum, "espeak": Hum})
    assert main(["say", "0123456789", "-o", str(tmp_path / "out.mp4"), "--size", "128x128", "--tier", "geometry"]) == 0
    assert probe_clip(tmp_path / "out.mp4").fps == pytest.approx(30)
    assert sound_seconds(tmp_path / "out.mp4") == pytest.approx(1.6, abs=0.1)


def test_say_reads_from_standard_input_and_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("   "))
    assert main(["say", "-", "-o", str(tmp_path / "out.mp4")]) == 1
    assert "nothing to say" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_text_that_looks_like_an_option_is_only_spoken() -> None:
    assert len(np.concatenate(list(open_voice("espeak").speak("--version -w /tmp/x")))) > 2000
