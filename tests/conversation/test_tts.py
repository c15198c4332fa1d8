"""A text becomes speech, or the reason why not is said."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from avatar.commands.main import main
from avatar.commands.say import write_speech
from avatar.conversation import tts
from avatar.conversation.tts import (
    AFTER_S,
    BEFORE_S,
    LONGEST_TEXT,
    MOMENT_S,
    VOICES,
    checked,
    open_voice,
    trimmed,
)
from avatar.errors import VoiceError
from avatar.media.audio import audio_seconds
from avatar.media.video import probe_clip

pytestmark = pytest.mark.slow


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
    def missing() -> tts.TextToSpeech:
        raise VoiceError("not installed: get it")

    monkeypatch.setattr(tts, "VOICES", {"hibari": missing, "espeak": missing})
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
    assert audio_seconds(tmp_path / "s.wav") == pytest.approx(1.6, abs=0.02)


def test_say_makes_a_movie_with_the_voice_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tts, "VOICES", {"hibari": Hum, "espeak": Hum})
    assert main(["say", "0123456789", "-o", str(tmp_path / "out.mp4"), "--size", "128x128", "--tier", "geometry"]) == 0
    assert probe_clip(tmp_path / "out.mp4").fps == pytest.approx(30)
    assert audio_seconds(tmp_path / "out.mp4") == pytest.approx(1.6, abs=0.1)


def test_say_reads_from_standard_input_and_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("   "))
    assert main(["say", "-", "-o", str(tmp_path / "out.mp4")]) == 1
    assert "nothing to say" in capsys.readouterr().err


@pytest.fixture(scope="module")
def hibari() -> tts.TextToSpeech:
    try:
        return open_voice("hibari")
    except VoiceError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("text", ["Hello there.", "Friends!", "Why not?", "The fish swims in the calm sea"])
def test_a_sentence_begins_and_ends_without_lost_time(text: str, hibari: tts.TextToSpeech) -> None:
    (samples,) = hibari.speak(text)
    loud = np.nonzero(np.abs(samples) > 0.02)[0] / hibari.sample_rate
    assert 0.02 <= loud[0] <= 0.12, "a soft f comes before what is loud"
    assert 0.1 <= len(samples) / hibari.sample_rate - loud[-1] <= 0.35


def test_between_sentences_there_is_a_pause_as_speakers_make_it(hibari: tts.TextToSpeech) -> None:
    samples = np.concatenate(list(hibari.speak("That is it. Stop the boat! Go back.")))
    moments = samples[: len(samples) // 120 * 120].reshape(-1, 120)
    level = np.sqrt(np.mean(np.square(moments), axis=1))
    loud = np.nonzero(level > 10 ** (-45 / 20) * level.max())[0]
    pauses = [gap * 0.005 for gap in np.diff(loud) if gap * 0.005 > 0.14]
    assert len(pauses) == 2 and all(0.15 <= pause <= 0.25 for pause in pauses), pauses


def test_trimming_keeps_all_that_is_sound() -> None:
    rate = 24_000
    tone = (0.2 * np.sin(np.arange(rate) * 0.1)).astype(np.float32)
    padded = np.concatenate([np.zeros(9_000, np.float32), tone, np.zeros(12_000, np.float32)])
    for sentence in (padded, tone):
        kept = trimmed(sentence, rate)
        assert len(kept) == pytest.approx(rate * (1 + BEFORE_S + AFTER_S), abs=2 * rate * MOMENT_S)
        assert np.square(kept).sum() == pytest.approx(np.square(tone).sum(), rel=1e-3)
    assert len(trimmed(np.zeros(500, np.float32), rate)) == len(trimmed(np.zeros(0, np.float32), rate)) == 0


@pytest.mark.parametrize(
    "text",
    ["你好，今天天气很好。", "Привет, как дела?", "こんにちは", "안녕하세요", "مرحبا", "नमस्ते", "Γειά σου"],
)
def test_a_script_that_the_voice_does_not_know_is_refused(text: str, hibari: tts.TextToSpeech) -> None:
    with pytest.raises(VoiceError, match=f"speaks English only.*“{text[:2]}"):
        list(hibari.speak(text))


@pytest.mark.parametrize("text", ["😀🎉", "...", "— ?", "*"])
def test_a_text_without_a_word_is_refused(text: str, hibari: tts.TextToSpeech) -> None:
    with pytest.raises(VoiceError, match="nothing to say"):
        list(hibari.speak(text))


@pytest.mark.usefixtures("hibari")
def test_of_what_is_refused_no_movie_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Привет", "--voice", "hibari", "-o", str(tmp_path / "out.mp4"), "--tier", "geometry"]) == 1
    assert "speaks English only" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_of_mixed_scripts_what_can_be_is_spoken_and_the_rest_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], hibari: tts.TextToSpeech
) -> None:
    words = ["say", "Hello 你好, it is мир.", "--voice", "hibari", "--size", "128x128", "--tier", "geometry"]
    assert main([*words, "-o", str(tmp_path / "out.mp4")]) == 0
    assert "“你好”, “мир”" in capsys.readouterr().err
    alone = sum(len(piece) for piece in hibari.speak("Hello , it is .")) / hibari.sample_rate
    assert audio_seconds(tmp_path / "out.mp4") == pytest.approx(alone + 0.6, abs=0.1)


def test_a_silent_voice_is_an_error_not_a_silent_movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(Hum):
        def speak(self, text: str) -> list[np.ndarray]:
            return [np.zeros(800, np.float32)]

    monkeypatch.setattr(tts, "VOICES", {"hibari": Mute})
    assert main(["say", "Hello", "-o", str(tmp_path / "out.mp4")]) == 1 and not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_text_that_looks_like_an_option_is_only_spoken() -> None:
    assert len(np.concatenate(list(open_voice("espeak").speak("--version -w /tmp/x")))) > 2000
