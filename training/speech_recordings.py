"""Makes labelled speech of recorded people: telephone prompts of Debian with their texts, aligned to the sound.

    apt-get install espeak-ng asterisk-core-sounds-{en,es,fr,it,ru}{,-g722}
    python -m training.speech_recordings --out build/speech/corpus

espeak-ng tells how a word is pronounced, pocketsphinx where each of its sounds lies; recordings in which the two do
not get along are left out. Resumable: files that are there are left alone.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np

from avatar.errors import MediaError
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32
from training.speech_corpus import write_labelled
from training.speech_labels import SILENCE, Aligner, Phone, level_silences, tidy
from training.speech_voices import Espeak

SPEAKERS: Final = {
    "en": ("en_US_f_Allison", "en-us"),
    "es": ("es_MX_f_Allison", "es-419"),
    "fr": ("fr_CA_f_June", "fr-fr"),
    "it": ("it_IT_m_Carlo", "it"),
    "ru": ("ru_RU_f_IvrvoiceRU", "ru"),
}
"""Of each language: the folder of its prompts, and how espeak-ng calls it."""
LENGTH_S: Final = (1.0, 30.0)
"""Shorter prompts are single words without a neighbour; longer ones are hard to align."""
PHONE_S: Final = (0.045, 0.14)
"""Mean length of a sound of fluent speech; outside, the text is not what is said."""
LONGEST_PHONE_S: Final = 0.45


def prompts(language: str, sounds: Path, texts: Path) -> Iterator[tuple[Path, str]]:
    """Yield (sound file, what is said) of a language's prompts that are speech and nothing else."""
    told = texts / f"asterisk-core-sounds-{language}" / f"core-sounds-{language}.txt.gz"
    try:
        lines = gzip.decompress(told.read_bytes()).decode("utf-8-sig", "replace").splitlines()
    except OSError as error:
        raise MediaError(f"{told} cannot be read: install asterisk-core-sounds-{language}.") from error
    for line in lines:
        name, _, text = line.partition(":")
        path = sounds / SPEAKERS[language][0] / f"{name.strip()}.g722"
        if text.strip() and not re.search(r"[\[\]#*;/<>|]", line) and path.is_file():
            yield path, text.strip()


def read_g722(path: Path) -> F32:
    """Return a prompt's (n,) samples at 16 kHz, -1..1, the loudest at 0.7."""
    with av.open(f"file:{path}", format="g722") as container:
        pieces = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    sound = np.concatenate(pieces).astype(np.float32) / 32768
    return np.asarray(sound * 0.7 / max(float(np.abs(sound).max()), 1e-6), np.float32)


class Pronouncer:
    """How espeak-ng pronounces the words of a language."""

    def __init__(self) -> None:
        self._espeak = Espeak()
        self._known: dict[tuple[str, str], list[str]] = {}

    def words(self, text: str, voice: str) -> list[list[str]]:
        """Return the sounds (IPA) of each word of a text."""
        found = []
        for word in re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower()):
            key = word, voice
            if key not in self._known:
                phones = self._espeak.say(word, voice, 1.0).phones
                self._known[key] = [phone.ipa for phone in phones if phone.ipa != SILENCE]
            found.append(self._known[key])
        return [word for word in found if word]


def plausible(phones: list[Phone]) -> bool:
    """Whether so long sounds can be fluent speech."""
    lengths = [phone.end_s - phone.start_s for phone in phones if phone.ipa != SILENCE]
    return bool(lengths) and PHONE_S[0] <= float(np.mean(lengths)) <= PHONE_S[1] and max(lengths) <= LONGEST_PHONE_S


def label(language: str, sounds: Path, texts: Path, out: Path) -> float:
    """Write what of a language's prompts could be aligned; return its seconds."""
    folder, voice = SPEAKERS[language]
    pronouncer, aligner = Pronouncer(), Aligner()
    seconds, kept, seen = 0.0, 0, 0
    for path, text in prompts(language, sounds, texts):
        seen += 1
        stem = out / f"human_{folder}_{path.stem}"
        sound = read_g722(path)
        length_s = len(sound) / RATE
        if not LENGTH_S[0] <= length_s <= LENGTH_S[1]:
            continue
        if not stem.with_suffix(".json").exists():
            aligned = aligner.align_sounds(sound, pronouncer.words(text, voice))
            if aligned is None or not plausible(aligned):
                continue
            phones = tidy(level_silences(tidy(aligned, length_s), sound), length_s)
            facts = {"text": text, "voice": folder, "engine": "human", "method": "forced-alignment"}
            write_labelled(stem, sound, phones, facts)
        seconds, kept = seconds + length_s, kept + 1
    print(f"{folder}: {kept} of {seen} prompts, {seconds / 60:.1f} minutes", flush=True)
    return seconds


def main() -> None:
    """Run the command."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, default=Path("build/speech/corpus"))
    arguments.add_argument("--languages", nargs="+", choices=sorted(SPEAKERS), default=sorted(SPEAKERS))
    arguments.add_argument("--sounds", type=Path, default=Path("/usr/share/asterisk/sounds"))
    arguments.add_argument("--texts", type=Path, default=Path("/usr/share/doc"))
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    seconds = sum(label(language, chosen.sounds, chosen.texts, chosen.out) for language in chosen.languages)
    print(f"{seconds / 60:.0f} minutes in all")


if __name__ == "__main__":
    main()
