"""Splits a text into what an English voice can speak (Latin letters, digits) and the words of other scripts."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

LATIN_SIGNS: Final = frozenset("ªºµ")
"""Letters of Latin texts whose Unicode names do not say so."""
MOST_NAMED: Final = 3
"""Words that a sentence about what was left out names."""


@dataclass(frozen=True, slots=True)
class Speakable:
    """A text that a voice can speak, and the words it cannot."""

    text: str
    """What can be said; empty where nothing can."""
    unspeakable_words: tuple[str, ...]
    """Words, or parts of them, in other scripts. Emoji and punctuation are not missed."""


def speakable(text: str) -> Speakable:
    """Return what of a text can be said in Latin letters; digits of other scripts become those of ours."""
    kept: list[str] = []
    unspeakable_words: list[str] = []
    unknown = ""
    for character in text:
        category = unicodedata.category(character)
        if (category[0] == "L" and not _is_latin(character)) or (unknown and category in ("Mn", "Mc", "Me", "Cf")):
            unknown += character
            continue
        if unknown:
            unspeakable_words.append(unknown)
            kept.append(" ")
            unknown = ""
        kept.append(str(unicodedata.decimal(character)) if category == "Nd" else character)
    unspeakable_words += [unknown] if unknown else []
    said = " ".join("".join(kept).split())
    return Speakable(said if any(character.isalnum() for character in said) else "", tuple(unspeakable_words))


def named(unspeakable_words: tuple[str, ...]) -> str:
    """Return the words that were left out for a sentence about them, no more than some."""
    shown = ", ".join(f"“{word[:20]}”" for word in unspeakable_words[:MOST_NAMED])
    return shown + (f" and {len(unspeakable_words) - MOST_NAMED} more" if len(unspeakable_words) > MOST_NAMED else "")


def _is_latin(letter: str) -> bool:
    """Return whether a letter is Latin, or another form of one, such as those of full width."""
    return letter in LATIN_SIGNS or all(
        not part.isalpha() or "LATIN" in unicodedata.name(part, "") or part.isascii()
        for part in unicodedata.normalize("NFKC", letter)
    )
