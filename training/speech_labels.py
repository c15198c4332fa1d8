"""Phone labels: which phone is spoken when, cleaned, and refined against the audio."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

SILENCE: Final = "sil"
ARPABET: Final = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "tʃ", "d": "d",
    "dh": "ð", "eh": "ɛ", "er": "ɜ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ",
    "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ",
    "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ", "pau": SILENCE,
    "h#": SILENCE, "brth": SILENCE, "ssil": SILENCE, "sil": SILENCE,
}  # fmt: skip
"""The phones of flite, festival and pocketsphinx in IPA."""
ABROAD: Final = {
    "#": SILENCE, "E": "ɛ", "O": "ɔ", "S": "ʃ", "Z": "ʒ", "tS": "tʃ", "dZ": "dʒ", "J": "ɲ", "n~": "ɲ", "t~": "tj",
    "d~": "dj", "N": "ŋ", "n*": "ŋ", "L": "ʎ", "rr": "r", "A": "æ", "@": "ø", "Y": "y", "c": "ts",
    "c~": "tʃ", "r~": "r",
}  # fmt: skip
"""The phones of festival's voices of other languages in IPA, stress and length taken off."""
HEARD_AS: Final = {
    "a": "AA", "ɐ": "AH", "ɒ": "AA", "e": "EY", "o": "OW", "ɚ": "ER", "ᵻ": "IH", "ɨ": "IH", "ø": "ER", "œ": "EH",
    "y": "UW", "ʉ": "UW", "ɵ": "OW", "r": "R", "ɾ": "D", "ʁ": "HH", "ʀ": "HH", "x": "HH", "ɣ": "G", "β": "V",
    "ɲ": "N", "ʎ": "L", "ʝ": "Y", "ɥ": "Y", "ɫ": "L", "ɭ": "L", "ʂ": "SH", "ʐ": "ZH", "ɕ": "SH", "ʑ": "ZH", "ʔ": "T",
    "c": "K", "ɟ": "G", "t͡s": "T", "ɱ": "M",
}  # fmt: skip
"""Sounds of other languages, and English ones of other spelling, as what pocketsphinx's English ears take them for."""
SHORTEST_S: Final = 0.004
AGREEMENT_S: Final = 0.08
"""An aligned edge further from the engine's own is a mistake of the aligner."""
ALIGNER_BIAS_S: Final = 0.008
"""pocketsphinx starts phones this much early, measured against exact times."""
SILENCE_DROP_DB: Final = 40.0
"""A pause begins where the level is this far below the loudest 10 ms."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound of speech."""

    ipa: str
    """IPA without stress and length, or `sil`."""
    start_s: float
    end_s: float


def tidy(phones: list[Phone], length_s: float, lag_s: float = 0.0) -> list[Phone]:
    """Return phones that cover 0 to `length_s` without gaps or overlaps, moved `lag_s` earlier."""
    kept: list[Phone] = []
    for phone in phones:
        start = float(np.clip(phone.start_s - lag_s, 0, length_s))
        end = float(np.clip(phone.end_s - lag_s, 0, length_s))
        if end - start <= SHORTEST_S:
            continue
        start = kept[-1].end_s if kept else start
        if end > start:
            kept.append(Phone("ɡ" if phone.ipa == "g" else phone.ipa, start, end))
    if not kept:
        return [Phone(SILENCE, 0.0, length_s)]
    if kept[0].start_s > 0:
        kept.insert(0, Phone(SILENCE, 0.0, kept[0].start_s))
    if kept[-1].end_s < length_s:
        kept.append(Phone(SILENCE, kept[-1].end_s, length_s))
    joined: list[Phone] = []
    for phone in kept:
        if joined and joined[-1].ipa == phone.ipa == SILENCE:
            joined[-1] = Phone(SILENCE, joined[-1].start_s, phone.end_s)
        else:
            joined.append(phone)
    return joined


def level_silences(phones: list[Phone], sound: F32) -> list[Phone]:
    """Return phones whose pauses begin where the level of `sound` ((n,), 16 kHz) falls: neural engines misplace it."""
    frames = len(sound) // 160
    power = np.mean(np.square(sound[: frames * 160].reshape(frames, 160)), axis=1)
    level_db = 10 * np.log10(power + 1e-10)
    quiet = level_db < level_db.max() - SILENCE_DROP_DB
    fitted = list(phones)
    for index in range(1, len(fitted)):
        before, pause = fitted[index - 1], fitted[index]
        if pause.ipa != SILENCE:
            continue
        at = begun = min(round(pause.start_s * 100), frames - 1)
        first, last = round(before.start_s * 100) + 3, min(frames - 1, round(pause.end_s * 100) - 3)
        while at < last and at - begun < 15 and not quiet[at]:
            at += 1
        while at > first and quiet[at - 1]:
            at -= 1
        fitted[index - 1] = Phone(before.ipa, before.start_s, at / 100)
        fitted[index] = Phone(SILENCE, at / 100, pause.end_s)
    return fitted


class Aligner:
    """Forced alignment: where each phone of known words lies in the audio. Needs the package `pocketsphinx`."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder  # noqa: PLC0415 - a tool of corpus making alone

        self._decoder: Any = Decoder(lm=None, loglevel="FATAL", samprate=RATE)

    def refine(self, phones: list[Phone], sound: F32, text: str) -> list[Phone] | None:
        """Return `phones` with both edges of each phone the aligner agrees on taken from it; None when it fails.

        Args:
            phones: the engine's own, its lag removed.
            sound: (n,), 16 kHz, -1..1.
            text: what is said.
        """
        try:
            aligned = self._align(sound, text)
        except RuntimeError:
            return None
        spoken = [index for index, phone in enumerate(phones) if phone.ipa != SILENCE]
        matches = difflib.SequenceMatcher(
            None, [_alike(phones[index].ipa) for index in spoken], [_alike(phone.ipa) for phone in aligned], False
        )
        refined, agreed = list(phones), 0
        for block in matches.get_matching_blocks():
            for step in range(block.size):
                index, found = spoken[block.a + step], aligned[block.b + step]
                own = phones[index]
                if max(abs(found.start_s - own.start_s), abs(found.end_s - own.end_s)) <= AGREEMENT_S:
                    refined[index] = Phone(own.ipa, found.start_s, found.end_s)
                    agreed += 1
        return _in_order(refined) if agreed >= 0.6 * max(len(spoken), 1) else None

    def align_sounds(self, sound: F32, words: Sequence[Sequence[str]]) -> list[Phone] | None:
        """Return where the sounds (IPA) of words of any language lie in (n,) samples at 16 kHz; None when it fails."""
        spoken = []
        for word in words:
            name = "_".join(word).encode("ascii", "xmlcharrefreplace").decode()
            if self._decoder.lookup_word(name) is None:
                self._decoder.add_word(name, " ".join(heard_as(ipa) for ipa in word), True)
            spoken.append(name)
        try:
            aligned = self._aligned(sound, spoken)
        except RuntimeError:
            return None
        said = [ipa for word in words for ipa in word]
        if len(said) != len(aligned):
            return None
        return [Phone(ipa, phone.start_s, phone.end_s) for ipa, phone in zip(said, aligned, strict=True)]

    def _align(self, sound: F32, text: str) -> list[Phone]:
        words = re.findall(r"[a-z']+", text.lower().replace("-", " "))
        return self._aligned(sound, [word for word in words if self._decoder.lookup_word(word) is not None])

    def _aligned(self, sound: F32, words: Sequence[str]) -> list[Phone]:
        loud = sound / max(float(np.abs(sound).max()), 1e-6) * 0.8
        pcm = (loud * 32767).astype(np.int16).tobytes()
        self._decoder.set_align_text(" ".join(words))
        self._run(pcm)
        self._decoder.set_alignment()
        self._run(pcm)
        return [
            Phone(
                ARPABET.get(phone.name.lower(), phone.name),
                phone.start / 100 + ALIGNER_BIAS_S,
                (phone.start + phone.duration) / 100 + ALIGNER_BIAS_S,
            )
            for word in self._decoder.get_alignment()
            for phone in word
            if phone.name != "SIL"
        ]

    def _run(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()


def heard_as(ipa: str) -> str:
    """Return the phone of pocketsphinx that is nearest to a sound of any language."""
    known = {sound: name.upper() for name, sound in ARPABET.items() if sound != SILENCE and name != "ax"} | HEARD_AS
    known["ə"] = "AH"
    plain = re.sub("[^a-zæçðøħŋœɐ-ʯβθᵻɫ]", "", ipa)  # no marks of length, stress, softness or nasality
    return known.get(ipa) or known.get(plain) or next((known[letter] for letter in plain if letter in known), "AH")


def _alike(ipa: str) -> str:
    return {"ɚ": "ɜ", "əl": "ə", "ɐ": "ʌ", "ᵻ": "ɪ", "ə": "ʌ", "ɾ": "t"}.get(ipa, ipa)


def _in_order(phones: list[Phone]) -> list[Phone]:
    """Return phones whose edges meet: a pause yields to its neighbours, elsewhere the later start counts."""
    ordered: list[Phone] = []
    for phone in phones:
        start, end = phone.start_s, phone.end_s
        if ordered:
            last = ordered[-1]
            if phone.ipa == SILENCE:
                start = last.end_s
            elif last.ipa == SILENCE:
                ordered[-1] = Phone(SILENCE, last.start_s, max(start, last.start_s))
            else:
                start = max(start, last.start_s + 0.01)
                ordered[-1] = Phone(last.ipa, last.start_s, start)
        ordered.append(Phone(phone.ipa, start, end))
    return [phone for phone in ordered if phone.end_s - phone.start_s > SHORTEST_S]
