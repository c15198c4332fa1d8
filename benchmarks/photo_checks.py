"""Are photos that will not do warned of, and good ones not? Masks, hands, glasses and blur painted over portraits.

`--split test` (default) measures people nothing was fitted on. `--fit FILE` fits the weights that tell a covered mouth
on the people of the split `train`, and says how well they do on people left out (five folds by person).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.config import LimitSettings
from avatar.errors import EnrolError
from avatar.generator.enrol import take_portrait
from avatar.generator.identity import Portrait
from avatar.generator.photo_checks import is_mouth_covered, photo_warnings, unit_pattern
from avatar.media.frame_pixels import RgbPixels
from avatar.media.photo import read_photo
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.models.tensor_file import write_tensor_file
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.mouth_cover import mouth_pattern
from avatar.types import F32, U8
from benchmarks import report
from benchmarks.media import SHARED
from benchmarks.occluders import OCCLUDERS, cover, skin_of

FRAMES: Final = (5, 45)
"""Frames of each clip that stand for photos."""
MASKED: Final = (
    *(197, 195, 117, 346, 123, 352, 147, 376, 132, 361, 58, 288, 172, 397, 136, 365, 150, 379, 149, 378),
    *(176, 400, 148, 377, 152),
)
"""Landmarks around what a mask covers, from the nose's bridge to the chin."""
COLOURS: Final = {
    "blue mask": (140, 185, 215),
    "white mask": (235, 235, 232),
    "black mask": (28, 28, 32),
    "grey mask": (120, 120, 125),
    "green mask": (120, 170, 140),
    "pink mask": (225, 170, 175),
    "mask like skin": None,
}
RIDGE: Final = 3.0
"""Of the fit: patterns have 300 numbers, people are some seventy."""
FALSE_SHARE: Final = 0.012
"""Share of free mouths, of people left out of the fit, above the bound."""
BARS: Final = {
    "covers_noticed": ">= 0.9",
    "blur_noticed": ">= 0.95",
    "glasses_noticed": ">= 0.9",
    "warned_good": "<= 0.05",
    "false_covers": "<= 0.03",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One portrait, as it is or with something painted over it."""

    person: str
    name: str
    kind: str
    portrait: Portrait | None
    """None: enrolment refuses it."""


def pictures(split: str, data: Path) -> Iterator[tuple[str, str, U8]]:
    """Yield (person, name, picture) of the stills and of two frames of each clip."""
    with (data / "MANIFEST.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["kind"] in ("still", "video")]
    for row in rows:
        person = row["identity_group"] or row["file"]
        if row["kind"] == "still":
            yield person, row["file"], read_photo((data / row["file"]).read_bytes(), LimitSettings())
            continue
        for number, (_, rgb) in enumerate(clip_frames(data / row["file"])):
            if number in FRAMES:
                yield person, f"{row['file']} {number}", rgb
            if number >= max(FRAMES):
                break


def masked(portrait: Portrait, colour: tuple[float, float, float] | None, chance: np.random.Generator) -> U8:
    """Return a portrait's picture with a mask over nose, mouth and chin; no colour: nearly the skin's."""
    rgb, landmarks = portrait.rgb, portrait.landmarks_px
    paint = np.array(colour if colour is not None else skin_of(rgb, landmarks)) * chance.uniform(0.8, 1.05)
    inside = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(landmarks[list(MASKED), :2]).astype(np.int32)), 255)
    width = float(np.ptp(landmarks[:, 0]))
    alpha = cv2.GaussianBlur(inside, (0, 0), max(0.6, width / 150))[..., None] / 255.0
    y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    folds = 1 - 0.25 * np.abs(x - landmarks[1, 0]) / width + 0.06 * np.sin(40 * (y - landmarks[1, 1]) / width)
    cloth = np.clip(paint * folds[..., None] + chance.normal(0, 1.5, rgb.shape), 0, 255)
    return np.asarray(rgb * (1 - alpha) + cloth * alpha, np.uint8)


def with_glasses(portrait: Portrait) -> U8:
    """Return a portrait's picture with dark glasses."""
    rgb = portrait.rgb.copy()
    for corners in ((33, 133), (362, 263)):
        ends = portrait.landmarks_px[list(corners), :2]
        width = float(np.linalg.norm(ends[0] - ends[1]))
        middle = np.rint(ends.mean(axis=0) + np.array([0, 0.1 * width])).astype(int).tolist()
        cv2.ellipse(rgb, middle, (round(0.95 * width), round(0.8 * width)), 0, 0, 360, (30, 30, 33), -1)
    return rgb


def enrolled(rgb: U8, landmarker: FaceLandmarker) -> Portrait | None:
    """Return the portrait that enrolment makes of a picture, None where it refuses it."""
    try:
        return take_portrait(rgb, landmarker)
    except EnrolError:
        return None


def samples(split: str, data: Path) -> Iterator[Sample]:
    """Yield every portrait, free and with each thing painted over it."""
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        for number, (person, name, rgb) in enumerate(pictures(split, data)):
            portrait = enrolled(rgb, landmarker)
            if portrait is None:
                continue
            yield Sample(person, name, "free", portrait)
            for kind, painted in spoilt(portrait, np.random.default_rng(number)):
                yield Sample(person, name, kind, enrolled(painted, landmarker))


def spoilt(portrait: Portrait, chance: np.random.Generator) -> Iterator[tuple[str, U8]]:
    """Yield what may be wrong with a photo, and a portrait's picture with that."""
    for kind, occluder in OCCLUDERS.items():
        thing = occluder(chance, skin_of(portrait.rgb, portrait.landmarks_px))
        yield kind, cover(portrait.rgb, portrait.landmarks_px, thing)
    for kind, colour in COLOURS.items():
        yield kind, masked(portrait, colour, chance)
    yield "dark glasses", with_glasses(portrait)
    blur = float(np.ptp(portrait.landmarks_px[:, 1])) / 30
    yield "blur", np.asarray(cv2.GaussianBlur(portrait.rgb, (0, 0), blur), np.uint8)


def fitted(patterns: F32, covered: np.ndarray) -> F32:
    """Return the direction (100, 3) along which covered and free mouths' patterns (n, 100, 3) lie apart (ridge)."""
    flat = patterns.reshape(len(patterns), -1)
    weight = np.where(covered, 0.5 / covered.sum(), 0.5 / (~covered).sum())[:, None]
    about = flat - (flat * weight).sum(axis=0)
    square = (about * weight).T @ about * len(flat) + RIDGE * np.eye(flat.shape[1])
    direction = np.linalg.solve(square, (about * weight).T @ np.where(covered, 1.0, -1.0) * len(flat))
    return np.asarray(direction.reshape(patterns.shape[1:]), np.float32)


def fit(found: list[Sample], out: Path) -> None:
    """Fit on all people and write the weights; the bound is set, and success told, by people left out."""
    kept = [
        (sample, unit_pattern(pattern))
        for sample in found
        if sample.kind not in ("dark glasses", "blur")
        and sample.portrait is not None
        and (pattern := mouth_pattern(RgbPixels(sample.portrait.rgb), sample.portrait.landmarks_px)) is not None
    ]
    patterns = np.array([pattern for _, pattern in kept])
    covered = np.array([sample.kind != "free" for sample, _ in kept])
    person = np.array([sample.person for sample, _ in kept])
    scores = np.zeros(len(kept))
    people = np.random.default_rng(0).permutation(np.unique(person))
    for left_out in np.array_split(people, 5):
        out_of = np.isin(person, left_out)
        scores[out_of] = (patterns[out_of] * fitted(patterns[~out_of], covered[~out_of])).sum(axis=(1, 2))
    bound = float(np.quantile(scores[~covered], 1 - FALSE_SHARE))
    print(f"of people left out: {np.mean(scores[covered] > bound):.3f} of the covers noticed, {FALSE_SHARE} false")
    arrays = {"direction": fitted(patterns, covered), "bound": np.array([bound], np.float32)}
    write_tensor_file(out, arrays, {"fitted": "benchmarks.photo_checks", "patterns": str(len(kept))})


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--split", choices=("train", "test"), default="test", help="whose faces to use")
    arguments.add_argument("--data", type=Path, default=SHARED, help="a folder with a MANIFEST.csv of stills and clips")
    arguments.add_argument("--fit", type=Path, metavar="FILE", help="fit the weights and write them here")
    chosen = arguments.parse_args()
    if not (chosen.data / "MANIFEST.csv").exists():
        raise SystemExit("There are no faces here: give a folder of them with --data DIR.")
    found = list(samples("train" if chosen.fit else chosen.split, chosen.data))
    if chosen.fit:
        fit(found, chosen.fit)
        return
    noticed: dict[str, list[bool]] = {}
    false_covers = []
    for sample in found:
        warned = sample.portrait is None or bool(photo_warnings([sample.portrait]))
        noticed.setdefault(sample.kind, []).append(warned)
        if sample.kind == "free" and sample.portrait is not None:
            false_covers.append(is_mouth_covered(sample.portrait.rgb, sample.portrait.landmarks_px))
            if warned:
                print(f"{sample.name}: {' '.join(photo_warnings([sample.portrait]))}")
    report.table(
        ("photo", "of", "warned of or refused"), [(kind, len(w), float(np.mean(w))) for kind, w in noticed.items()]
    )
    things = [warned for kind in (*OCCLUDERS, *COLOURS) for warned in noticed[kind]]
    figures = {
        "covers_noticed": float(np.mean(things)),
        "glasses_noticed": float(np.mean(noticed["dark glasses"])),
        "blur_noticed": float(np.mean(noticed["blur"])),
        "warned_good": float(np.mean(noticed["free"])),
        "false_covers": float(np.mean(false_covers)),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
