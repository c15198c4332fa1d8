"""Voices that speak a text and say when they said which sound: espeak-ng, flite, festival and Kokoro.

Each needs its engine on the machine (`docs/speech.md` says which packages); nothing of them is part of Avatar.
"""

from __future__ import annotations

import ctypes
import json
import re
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from avatar.types import F32
from training.speech_labels import ABROAD, ARPABET, SILENCE, Phone

KOKORO_LAG_S: Final = 0.055
"""Kokoro's durations lag its sound by this much (sibilant edges and forced alignment agree)."""
KOKORO_RATE: Final = 24_000
MISAKI: Final = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "W": "aʊ", "Y": "ɔɪ", "Q": "əʊ", "ʤ": "dʒ", "ʧ": "tʃ", "T": "ɾ", "ᵊ": "ə",
    "ᵻ": "ɪ",
}  # fmt: skip
"""Kokoro's one-letter sounds in IPA."""
WORD_GAP_S: Final = 0.06
"""A space shorter than this is no pause."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What an engine said."""

    sound: F32
    """(n,), -1..1."""
    rate: int
    phones: list[Phone]
    """In order, as the engine gives them."""
    lag_s: float = 0.0
    """How much later than the sound these times are."""
    exact: bool = True
    """False when the times are a model's guess and gain from alignment."""


class NotInstalledError(Exception):
    """An engine or one of its voices is not on this machine; the message says which."""


class Engine(Protocol):
    """Speaks in one of several voices."""

    def say(self, text: str, voice: str, speed: float) -> Utterance:
        """Return `text` spoken by `voice` at `speed` times its usual rate; NotInstalledError without that voice."""
        ...


class _EspeakEvent(ctypes.Structure):
    class _Id(ctypes.Union):
        _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))

    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


class Espeak:
    """espeak-ng by its library's phoneme events (speak_lib.h): exact to a sample."""

    PHONEME: Final = 7

    def __init__(self) -> None:
        """Load the library. Raise NotInstalledError where there is none."""
        try:
            self._library = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise NotInstalledError("espeak-ng (libespeak-ng.so.1)") from error
        self._rate = self._library.espeak_Initialize(2, 200, None, 1 | 2)  # synchronous; phoneme events in IPA
        self._pieces: list[F32] = []
        self._starts: list[tuple[str, int]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_EspeakEvent)
        )
        self._callback = kind(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, speed: float) -> Utterance:
        """Return `text` spoken; `voice` is e.g. `en-gb+f2:60`, the number being the pitch (50 is usual)."""
        name, _, pitch = voice.partition(":")
        self._pieces.clear()
        self._starts.clear()
        self._library.espeak_SetVoiceByName(name.encode())
        self._library.espeak_SetParameter(1, round(165 * speed), 0)
        self._library.espeak_SetParameter(3, int(pitch or 50), 0)
        said = text.encode()
        self._library.espeak_Synth(said, len(said) + 1, 0, 1, 0, 1, None, None)
        self._library.espeak_Synchronize()
        sound = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)
        ends = [start for _, start in self._starts[1:]] + [len(sound)]
        phones = [
            Phone(_plain(ipa), start / self._rate, end / self._rate)
            for (ipa, start), end in zip(self._starts, ends, strict=True)
            if _plain(ipa) != "ʲ"
        ]
        return Utterance(sound, self._rate, phones)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if count > 0 and samples:
            piece = np.ctypeslib.as_array(samples, shape=(count,))
            self._pieces.append((piece / 32768).astype(np.float32))
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == self.PHONEME:
                ipa = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self._starts.append((ipa, event.sample))
            index += 1
        return 0


class Flite:
    """flite by its program; segment ends to about 10 ms."""

    def __init__(self) -> None:
        """Raise NotInstalledError where there is no such program."""
        if shutil.which("flite") is None:
            raise NotInstalledError("flite")

    def say(self, text: str, voice: str, speed: float) -> Utterance:
        """Return `text` spoken by one of flite's built-in voices."""
        with tempfile.TemporaryDirectory() as folder:
            to = Path(folder) / "said.wav"
            stretch = f"duration_stretch={1 / speed:.3f}"
            command = ["flite", "-voice", voice, "--setf", stretch, "-psdur", "-t", text, "-o", str(to)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
            sound, rate = read_wave(to)
        ends = [(name, float(end)) for name, end in re.findall(r"(\S+)[\s:]+([\d.]+)", done.stdout)]
        return Utterance(sound, rate, _from_ends(ends))


class Festival:
    """festival by its program; segment ends to about 10 ms."""

    def __init__(self) -> None:
        """Ask the program for its voices. Raise NotInstalledError where there is no such program."""
        if shutil.which("festival") is None:
            raise NotInstalledError("festival")
        command = ["festival", "-b", "(print (voice.list))"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
        self._voices = frozenset(done.stdout.replace("(", " ").replace(")", " ").split())

    def say(self, text: str, voice: str, speed: float) -> Utterance:
        """Return `text` spoken by an installed festival voice."""
        if voice not in self._voices:
            raise NotInstalledError(f"festival's voice {voice}")
        with tempfile.TemporaryDirectory() as folder:
            to, labels, script = (Path(folder) / name for name in ("said.wav", "said.lab", "say.scm"))
            plain = text.replace('"', "").replace("\\", "")
            script.write_text(
                f"(voice_{voice})(Parameter.set 'Duration_Stretch {1 / speed:.3f})"
                f'(set! u (utt.synth (Utterance Text "{plain}")))'
                f'(utt.save.wave u "{to}" (quote riff))(utt.save.segs u "{labels}")'
            )
            command = ["festival", "-b", str(script)]
            subprocess.run(command, capture_output=True, check=True, timeout=60)  # noqa: S603
            sound, rate = read_wave(to)
            fields = [line.split() for line in labels.read_text().splitlines()]
        ends = [(row[2], float(row[0])) for row in fields if len(row) == 3 and row[0] != "#"]
        return Utterance(sound, rate, _from_ends(ends))


class Kokoro:
    """Kokoro-82M as ONNX, its own durations taken out of the graph: 25 ms steps that lag the sound."""

    def __init__(self, model: Path, vocabulary: Path, voices: Path) -> None:
        """Load the model (`kokoro-v1.0.int8.onnx`), its `vocab.json`, and a folder of `*.bin` voices."""
        import onnx  # noqa: PLC0415 - tools of corpus making alone
        import onnxruntime  # noqa: PLC0415
        from hibari.g2p import G2P  # noqa: PLC0415

        graph = onnx.load(str(model))
        graph.graph.output.append(
            onnx.helper.make_tensor_value_info("/encoder/Clip_output_0", onnx.TensorProto.FLOAT, None)
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
        self._session: Any = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._tokens: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))["vocab"]
        self._voices = voices
        self._pronounce: dict[bool, Any] = {british: G2P(british=british) for british in (False, True)}

    def say(self, text: str, voice: str, speed: float) -> Utterance:
        """Return `text` spoken by `voice`, e.g. `bf_emma`."""
        sentences = re.split(r"(?<=[.!?])\s+", text)
        letters = " ".join(self._pronounce[voice.startswith("b")](sentence) for sentence in sentences)
        letters = "".join(letter for letter in letters if letter in self._tokens)
        styles = np.fromfile(self._voices / f"{voice}.bin", np.float32).reshape(-1, 1, 256)
        sound, durations = self._session.run(
            None,
            {
                "tokens": np.array([[0, *(self._tokens[letter] for letter in letters), 0]], np.int64),
                "style": styles[min(len(letters), len(styles)) - 1],
                "speed": np.array([speed], np.float32),
            },
        )[:2]
        sound, durations = np.ravel(sound).astype(np.float32), np.ravel(durations).astype(np.float64)
        edges = np.concatenate([[0], np.cumsum(durations)]) * len(sound) / KOKORO_RATE / durations.sum()
        phones = _from_letters(f"_{letters}_", edges)
        return Utterance(sound, KOKORO_RATE, phones, lag_s=KOKORO_LAG_S, exact=False)


def read_wave(path: Path) -> tuple[F32, int]:
    """Return a 16-bit mono WAV file as ((n,) -1..1, rate)."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return (pcm / 32768).astype(np.float32), file.getframerate()


def _plain(ipa: str) -> str:
    plain = re.sub("[ˈˌː]", "", ipa).strip()
    return SILENCE if not plain or plain[0] in "_(" else plain


def _from_ends(ends: list[tuple[str, float]]) -> list[Phone]:
    starts = [0.0, *(end for _, end in ends[:-1])]
    return [Phone(_ipa(name), start, end) for (name, end), start in zip(ends, starts, strict=True)]


def _ipa(name: str) -> str:
    plain = re.sub("[0-9:]", "", name)
    return ARPABET.get(name) or ABROAD.get(plain, plain)


def _from_letters(letters: str, edges: F32) -> list[Phone]:
    """Return phones of Kokoro's letters: stress belongs to the sound after it, a length mark to the one before."""
    phones: list[Phone] = []
    stress_s: float | None = None
    for letter, start, end in zip(letters, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if letter in "ˈˌ":
            stress_s = start if stress_s is None else stress_s
            continue
        if stress_s is not None:
            start, stress_s = stress_s, None  # noqa: PLW2901 - the mark's time is the sound's
        pause = letter in '_ .,!?;:—…"“”()'
        joins = letter == "ː" or (letter == " " and end - start < WORD_GAP_S)
        if joins and phones:
            phones[-1] = Phone(phones[-1].ipa, phones[-1].start_s, end)
        else:
            phones.append(Phone(SILENCE if pause else MISAKI.get(letter, letter), start, end))
    return phones
