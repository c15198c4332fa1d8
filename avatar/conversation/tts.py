"""Text to speech with no network: voices that may be installed here, behind one small protocol.

`hibari` is a natural voice in a 14 MB package (extra `voice`, Apache-2.0); `espeak` is the system's espeak-ng, robotic
but in over a hundred languages.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from avatar.conversation.speakable_text import Speakable, named, speakable
from avatar.errors import VoiceError
from avatar.models.telemetry import keep_telemetry_off
from avatar.types import F32

LONGEST_TEXT: Final = 20_000
"""Characters: about twenty minutes of speech."""
ESPEAK_TIME_S: Final = 60.0


BEFORE_S: Final = 0.03
"""Silence before a sentence: as long as a block of sound."""
AFTER_S: Final = 0.2
"""Silence after a sentence: with the next one's, the quarter of a second that speakers pause between two. Where a
canceller takes the avatar's echo out of a microphone, shorter pauses made more of what it leaves be taken for a turn
(`benchmarks/echo.py`: at 0.17 s eight of 14 runs, at 0.2 s one of 10, as with the untrimmed voice)."""
SILENT_DB: Final = -45.0
"""Sound this far below a sentence's loudest moment is silence: softer than the f of "friend", louder than its end."""
MOMENT_S: Final = 0.005


class TextToSpeech(Protocol):
    """A voice that speaks text."""

    sample_rate: int
    """Samples a second."""

    def speak(self, text: str) -> Iterator[F32]:
        """Yield (n,) float samples in -1..1, piece by piece, each as soon as it is there.

        Raises:
            VoiceError: it cannot be said; with code unspeakable where the voice has no sound for any of it.
        """


@runtime_checkable
class NamesUnspeakableWords(Protocol):
    """A voice of some scripts only, which can name the words of others."""

    def unspeakable_words(self, text: str) -> tuple[str, ...]:
        """Return the words of a text that it has no sound for."""


def unspeakable_words(voice: TextToSpeech, text: str) -> tuple[str, ...]:
    """Return the words of a text that a voice has no sound for; none for a voice that cannot tell."""
    return voice.unspeakable_words(text) if isinstance(voice, NamesUnspeakableWords) else ()


def trimmed(sentence: F32, sample_rate: int) -> F32:
    """Return a sentence, (n,), with the silence around it that speech wants; empty where there is nothing but silence.

    Voices begin and end with up to half a second of it: lost time before an answer, and a halting delivery.
    """
    moment = max(round(MOMENT_S * sample_rate), 1)
    count = -(-len(sentence) // moment)
    power = np.pad(np.square(sentence), (0, count * moment - len(sentence))).reshape(count, moment).mean(axis=1)
    if not count or not power.max():
        return np.zeros(0, np.float32)
    loud = np.nonzero(power > power.max() * 10 ** (SILENT_DB / 10))[0]
    before, after = (round(seconds * sample_rate) for seconds in (BEFORE_S, AFTER_S))
    begin, end = int(loud[0]) * moment, min(int(loud[-1] + 1) * moment, len(sentence))
    kept = sentence[max(begin - before, 0) : end + after]
    lacking = max(before - begin, 0), max(end + after - len(sentence), 0)
    return np.pad(kept, lacking).astype(np.float32)


class HibariTextToSpeech:
    """The package hibari-tts: English, natural, some fifty times faster than real time."""

    def __init__(self) -> None:
        """Load the voice; about a second.

        Raises:
            VoiceError: the package is not installed.
        """
        keep_telemetry_off()
        try:
            from hibari import Hibari  # noqa: PLC0415 - an extra; runs on ONNX Runtime
        except ImportError as error:
            raise VoiceError("the package hibari-tts is not installed: pip install 'avatar[voice]'") from error
        self._voice: Any = Hibari(threads=1)
        self.sample_rate = int(self._voice.sample_rate)

    def unspeakable_words(self, text: str) -> tuple[str, ...]:
        """Return the words in other scripts than the Latin one: some it would spell wrongly, of others say nothing."""
        return speakable(text).unspeakable_words

    def speak(self, text: str) -> Iterator[F32]:
        """Yield a sentence at a time, without words that it does not know; the same text always sounds the same."""
        found = speakable(checked(text))
        if not found.text:
            raise VoiceError(_unspeakable(text, found), code="unspeakable")
        for samples in self._voice.stream(found.text, seed=0):
            yield trimmed(np.asarray(samples, np.float32), self.sample_rate)


class EspeakTextToSpeech:
    """The program espeak-ng: robotic, many languages."""

    sample_rate = 22_050

    def __init__(self, language: str = "en-us") -> None:
        """Find the program.

        Raises:
            VoiceError: it is not installed.
        """
        program = shutil.which("espeak-ng")
        if program is None:
            raise VoiceError("the program espeak-ng is not installed: sudo apt-get install -y espeak-ng")
        self._command = [program, "-v", language, "--stdout", "--stdin"]

    def speak(self, text: str) -> Iterator[F32]:
        """Yield the whole text at once.

        Raises:
            VoiceError: espeak-ng fails.
        """
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command; the text goes in by standard input
                self._command, input=checked(text).encode(), capture_output=True, timeout=ESPEAK_TIME_S, check=True
            )
            with wave.open(io.BytesIO(done.stdout)) as sound:
                # Written to a pipe, the header's length is a guess: take what is there.
                samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
                self.sample_rate = sound.getframerate()
        except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
            raise VoiceError(f"espeak-ng could not speak the text: {error}.") from error
        yield trimmed(samples.astype(np.float32) / np.float32(32768), self.sample_rate)


VOICES: Final[dict[str, Callable[[], TextToSpeech]]] = {"hibari": HibariTextToSpeech, "espeak": EspeakTextToSpeech}
"""By name, the most natural first."""


def open_voice(name: str = "auto") -> TextToSpeech:
    """Return a voice; `auto` is the first of `VOICES` that is installed.

    Raises:
        VoiceError: there is no such voice here; the message says how to get one.
    """
    if name != "auto" and name not in VOICES:
        raise VoiceError(f"There is no voice {name!r}: choose auto or one of {', '.join(VOICES)}.")
    answers = []
    for candidate in VOICES if name == "auto" else (name,):
        try:
            return VOICES[candidate]()
        except VoiceError as error:
            answers.append(f"{candidate}: {error}")
    raise VoiceError("No voice can speak here. " + "; ".join(answers))


def checked(text: str) -> str:
    """Return a text that can be spoken.

    Raises:
        VoiceError: it is empty or too long.
    """
    spoken = " ".join(text.split())
    if not spoken:
        raise VoiceError("There is nothing to say: the text is empty.")
    if len(spoken) > LONGEST_TEXT:
        raise VoiceError(f"The text has {len(spoken):,} characters; at most {LONGEST_TEXT:,} are spoken at once.")
    return spoken


def _unspeakable(text: str, found: Speakable) -> str:
    if found.unspeakable_words:
        return (
            f"This voice speaks English only and has no sound for {named(found.unspeakable_words)}. "
            "Give a text in Latin letters, or speech of your own (avatar render --audio)."
        )
    return f"There is nothing to say in “{text.strip()[:20]}”: the voice needs words or numbers."
