"""The contact sheet of `benchmarks.quality`: the real frame above what each tier makes of it, close enough to judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import rotation_vector
from avatar.generator.protocol import Generator
from avatar.types import F32, U8
from benchmarks.reenactment import BLINK, Reenactment

CELL: Final = 160
PER_BAND: Final = 10
LABEL: Final = 22
REACH: Final = {"mouth": 0.9, "eyes": 1.4, "turn": 2.6}
"""Side of the part shown, head units."""
MOST: Final = {"mouth": 40, "eyes": 10, "turn": 10}


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One moment: the real frame and what was made of it, cut to the part that matters."""

    kind: str
    """`mouth`, `eyes` or `turn`."""
    clip: str
    weight: float
    """The larger, the sooner it is shown: how far the mouth opens (pixels), the eyes are closed (0..1), the head is
    turned away from where it is in the photo (degrees)."""
    cells: tuple[U8, ...]
    """(CELL, CELL, 3) each, from top to bottom."""


def exhibit(kind: str, clip: str, weight: float, landmarks: F32, pictures: Iterable[U8]) -> Exhibit:
    """Cut the part of a kind out of pictures of one face."""
    points = {
        "mouth": (*mesh.MOUTH_CORNERS, mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE),
        "eyes": mesh.OUTER_EYE_CORNERS,
        "turn": (mesh.FOREHEAD, mesh.CHIN),
    }[kind]
    centre = landmarks[list(points), :2].mean(axis=0)
    # Up and down, so that a turned head is not shown larger.
    unit = float(np.linalg.norm(landmarks[mesh.FOREHEAD] - landmarks[mesh.CHIN])) / 1.7
    scale = CELL / (REACH[kind] * unit)
    shift = np.array([CELL / 2, CELL / 2]) - scale * centre
    map_to = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    cells = tuple(
        np.asarray(cv2.warpAffine(picture, map_to, (CELL, CELL), flags=flags), np.uint8) for picture in pictures
    )
    return Exhibit(kind, clip, weight, cells)


def scene_exhibits(scene: Reenactment, makers: Sequence[Generator], drawn: Sequence[Sequence[U8]]) -> Iterator[Exhibit]:
    """Yield what of a clip is to be looked at; `drawn` has the targets as each of `makers` drew them."""
    clip = scene.track.path.stem
    for frame, *made in zip(scene.targets, *drawn, strict=True):
        hole = frame.hole
        if hole.any():
            yield exhibit("mouth", clip, float(hole.sum()), frame.shown.landmarks, (frame.real, *made))
    facing = scene.photo.shown.pose.rotation
    closed = [(frame, float(frame.shown.expression[list(BLINK)].min())) for frame in scene.closed]
    turned = [
        (frame, abs(float(np.degrees(rotation_vector(frame.shown.pose.rotation @ facing.T)[1]))))
        for frame in scene.turned
    ]
    for kind, weighed in (("eyes", closed), ("turn", turned)):
        for frame, weight in weighed:
            made = [maker.draw(frame.shown) for maker in makers]
            yield exhibit(kind, clip, weight, frame.shown.landmarks, (frame.real, *made))


def contact_sheet(exhibits: Sequence[Exhibit], rows: Sequence[str]) -> U8:
    """Return the sheet, (height, width, 3) RGB; `rows` names the cells from top to bottom."""
    bands = [_legend(rows)]
    for kind in MOST:
        chosen = take_turns([item for item in exhibits if item.kind == kind], MOST[kind])
        bands += [_band(chosen[start : start + PER_BAND]) for start in range(0, len(chosen), PER_BAND)]
    return np.vstack(bands)


def take_turns(exhibits: Sequence[Exhibit], most: int) -> list[Exhibit]:
    """Return up to `most`: each clip's weightiest, then each clip's next, and so on."""
    by_clip: dict[str, list[Exhibit]] = {}
    for item in sorted(exhibits, key=lambda item: -item.weight):
        by_clip.setdefault(item.clip, []).append(item)
    places = sorted((place, clip) for clip, items in by_clip.items() for place in range(len(items)))
    return [by_clip[clip][place] for place, clip in places[:most]]


def _band(exhibits: Sequence[Exhibit]) -> U8:
    columns = []
    for item in exhibits:
        degrees = f" {item.weight:.0f} deg" if item.kind == "turn" else ""
        label = _text(f"{item.kind} {item.clip}{degrees}", CELL)
        columns.append(np.vstack([label, *item.cells]))
    blank = np.zeros_like(columns[0])
    return np.hstack([*columns, *[blank] * (PER_BAND - len(columns))])


def _legend(rows: Sequence[str]) -> U8:
    return _text("from top to bottom: " + " | ".join(rows), CELL * PER_BAND)


def _text(text: str, width: int) -> U8:
    strip = np.full((LABEL, width, 3), 32, np.uint8)
    cv2.putText(strip, text, (4, LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
    return strip
