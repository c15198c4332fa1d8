"""Measures of lip sync, from phones with times and the distance of the lips in each picture."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

VOWELS = frozenset("iɪᵻeɛæaɑɒʌɐəɚɜɔoʊuʉ")
BILABIAL, LABIODENTAL = frozenset("pbm"), frozenset("fv")
CLOSED_SHARE = 0.15
"""Lips nearer than this share of the clip's 95th percentile count as closed."""
CLOSED_WITHIN_S = 0.04
OPENNESS = {"pbm": 0.0, "fv": 0.1, "iɪᵻeuʉʊw": 0.5, "ɔoɛəɚɜɐ": 0.8, "æaɑɒʌ": 1.0}
"""How far each sound opens the mouth, roughly, for finding the lag; other consonants 0.35, silence 0."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound of a labelled recording."""

    ipa: str
    start_s: float
    end_s: float

    @property
    def centre_s(self) -> float:
        """The middle of the sound."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound file and what is said in it."""

    path: Path
    engine: str
    voice: str
    said: list[Phone]


def read_corpus(folder: Path) -> list[Recording]:
    """Return the labelled recordings of a folder: a JSON beside each sound file.

    Raises:
        SystemExit: there are none.
    """
    found = []
    for label in sorted(folder.glob("*.json")):
        document = json.loads(label.read_text(encoding="utf-8"))
        sounds = [path for path in sorted(label.parent.glob(f"{label.stem}.*")) if path.suffix != ".json"]
        if "phonemes" not in document or not sounds:
            continue
        said = [Phone(p["p"], p["start_ms"] / 1e3, p["end_ms"] / 1e3) for p in document["phonemes"]]
        found.append(Recording(sounds[0], str(document.get("engine", "")), str(document.get("voice", "")), said))
    if not found:
        raise SystemExit(f"{folder} holds no labelled speech: give --corpus DIR with sound files and a JSON for each.")
    return found


def closure_recall(said: Sequence[Phone], times: np.ndarray, aperture: np.ndarray) -> tuple[int, int]:
    """Return (how many of p, b, m had closed lips within 40 ms of their centre, how many there were)."""
    limit = CLOSED_SHARE * float(np.nanpercentile(aperture, 95))
    hits = total = 0
    for sound in said:
        if sound.ipa in BILABIAL:
            near = aperture[np.abs(times - sound.centre_s) <= CLOSED_WITHIN_S]
            if len(near):
                total += 1
                hits += bool(np.nanmin(near) < limit)
    return hits, total


def false_closures(said: Sequence[Phone], times: np.ndarray, aperture: np.ndarray) -> tuple[int, float]:
    """Return (how often the lips closed inside vowels, seconds inside vowels).

    The 40 ms beside a p, b, m, f, v or a silence are not inside.
    """
    limit = CLOSED_SHARE * float(np.nanpercentile(aperture, 95))
    closures, seconds = 0, 0.0
    for index, sound in enumerate(said):
        if sound.ipa[0] not in VOWELS:
            continue
        start, end = sound.start_s, sound.end_s
        if index == 0 or _shuts(said[index - 1]):
            start += CLOSED_WITHIN_S
        if index == len(said) - 1 or _shuts(said[index + 1]):
            end -= CLOSED_WITHIN_S
        inside = (times >= start) & (times <= end)
        seconds += max(end - start, 0)
        shut = np.concatenate([[False], aperture[inside] < limit])
        closures += int((shut[1:] & ~shut[:-1]).sum())
    return closures, seconds


def best_lag_s(said: Sequence[Phone], times: np.ndarray, aperture: np.ndarray) -> float:
    """Return how much later the mouth moves than the sounds ask for, by the best correlation within 0.2 s."""
    known = np.isfinite(aperture)
    grid = np.arange(0, times[-1], 0.01)
    seen = np.interp(grid, times[known], aperture[known])
    wanted = np.zeros(len(grid))
    for sound in said:
        wanted[(grid >= sound.start_s) & (grid < sound.end_s)] = openness(sound.ipa)
    kernel = np.hanning(9) / np.hanning(9).sum()
    wanted = np.convolve(wanted, kernel, "same")
    lags = range(-20, 21)
    scores = [correlation(np.roll(wanted, lag)[20:-20], seen[20:-20]) for lag in lags]
    return lags[int(np.argmax(scores))] / 100


def openness(ipa: str) -> float:
    """Return how far a sound opens the mouth, 0 to 1."""
    if ipa == "sil":
        return 0.0
    return next((value for letters, value in OPENNESS.items() if ipa[0] in letters), 0.35)


def at_centres(
    said: Sequence[Phone],
    times: np.ndarray,
    score: np.ndarray,
    positive: Collection[str],
    ignored: Collection[str],
) -> tuple[list[float], list[float]]:
    """Return the scores at the middle of `positive` sounds, and of all others but silence and `ignored`."""
    yes, no = [], []
    for sound in said:
        if sound.ipa == "sil" or sound.end_s - sound.start_s < 0.045:
            continue
        value = float(np.interp(sound.centre_s, times, score))
        if sound.ipa in positive:
            yes.append(value)
        elif sound.ipa not in ignored:
            no.append(value)
    return yes, no


def auc(yes: Sequence[float], no: Sequence[float]) -> float:
    """Return the chance that a value of `yes` exceeds one of `no` (area under the ROC curve), NaN of nothing."""
    if not yes or not no:
        return float("nan")
    ranks = rankdata([*yes, *no])
    return float((ranks[: len(yes)].sum() - len(yes) * (len(yes) + 1) / 2) / (len(yes) * len(no)))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's r of two series, frames with a NaN left out; 0 when one does not move."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 10 or np.std(a[both]) == 0 or np.std(b[both]) == 0:
        return 0.0
    return float(np.corrcoef(a[both], b[both])[0, 1])


def _shuts(sound: Phone) -> bool:
    return sound.ipa in BILABIAL or sound.ipa in LABIODENTAL or sound.ipa == "sil"
