"""Clips of faces that nobody filmed: the built-in faces, moved by the geometry tier as a person moves while talking."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.identities.open import open_identity
from avatar.media.movie_writer import MovieWriter
from avatar.types import BLENDSHAPE_INDEX, U8, Motion

SIZE: Final = (480, 480)
FPS: Final = 30
SYLLABLES_HZ: Final = 2.5


@cache
def face(name: str) -> Identity:
    """Return a built-in face, enrolled."""
    return open_identity(name)


def talk(time_s: float, person: int = 0) -> Motion:
    """Return how a person sits and talks at a moment; each turns, smiles and blinks at times of their own.

    Everything comes back to where it began after 4 s.
    """
    turn = 2 * math.pi * (time_s / 4 + person / 7)
    syllable = 2 * math.pi * SYLLABLES_HZ * time_s + person
    smile = 0.3 * max(math.sin(turn + person), 0.0)
    blink = max(1 - abs((time_s - 0.9 - person / 10) % 2 - 0.1) / 0.1, 0.0)
    blendshapes = np.zeros(len(BLENDSHAPE_INDEX), np.float32)
    for name, value in {
        "jawOpen": 0.25 * (1 - math.cos(syllable)) * (0.6 + 0.4 * math.sin(turn)),
        "mouthFunnel": 0.25 * max(math.sin(syllable / 2), 0.0),
        "mouthSmileLeft": smile,
        "mouthSmileRight": smile,
        "eyeBlinkLeft": blink,
        "eyeBlinkRight": blink,
        "browInnerUp": 0.4 * max(math.sin(turn - 1), 0.0),
    }.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    degrees = (4 * math.sin(2 * turn), 12 * math.sin(turn + person), 5 * math.sin(turn + 2))
    shift = (0.06 * math.sin(turn), 0.03 * math.cos(turn))
    return Motion(time_s, blendshapes, np.radians(degrees).astype(np.float32), np.array(shift, np.float32))


def pictures(name: str, seconds: float, *, person: int = 0, fps: int = FPS) -> Iterator[U8]:
    """Yield a built-in face that talks: (480, 480, 3) RGB."""
    generator = GeometryGenerator(face(name), SIZE)
    for index in range(round(seconds * fps)):
        yield generator.render(talk(index / fps, person))


def write_clips(folder: Path, people: Sequence[tuple[str, str]], *, seconds: float) -> Path:
    """Write a clip of each (built-in face, split) into `folder`, and their manifest; returns the manifest's path."""
    rows = []
    for person, (name, split) in enumerate(people):
        with MovieWriter(folder / f"{name}.mp4", SIZE, FPS, sound=False) as movie:
            for index, rgb in enumerate(pictures(name, seconds, person=person)):
                movie.picture(rgb, index / FPS)
        rows.append((f"{name}.mp4", "video", split, seconds, name, "drawn here", "Apache-2.0"))
    manifest = folder / "clips.csv"
    with manifest.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(("file", "kind", "split", "seconds", "identity_group", "source_repo", "repo_license"))
        writer.writerows(rows)
    return manifest
