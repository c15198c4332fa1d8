"""People who do not exist, drawn from the 3D morphable head as users of every kind look in a photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from avatar.types import F32, U8
from training.head3d.glasses import GlassesLook
from training.head3d.hair import HairLook
from training.head3d.light import Light
from training.head3d.model import load_head
from training.head3d.oral import Oral
from training.head3d.portrait import Person
from training.head3d.posed_person import PosedPerson
from training.head3d.random_people import random_camera, random_person, random_poses

SIDE: Final = 480
"""Pixels: enrolment takes such a picture as it is."""
BLACK, BROWN, STEEL = (22, 22, 24), (92, 58, 40), (150, 152, 158)
GLASSES: Final = {
    "glasses, black": (3, GlassesLook(BLACK, wire=0.045)),
    "glasses, steel": (5, GlassesLook(STEEL, squareness=2.2, half_height=0.34, wire=0.014)),
    "glasses, brown": (8, GlassesLook(BROWN, half_width=0.43, half_height=0.33, squareness=4.0, wire=0.035)),
}
"""By kind: who wears them, and what they look like."""
ASIDE, ASIDE_DEG = 21, 16.0
"""Who looks past the camera, and how far."""
DIM: Final = (Light((0.7, 0.3, 0.6), (0.34, 0.30, 0.26), 0.3), Light((-0.6, 0.1, 0.7), (0.08, 0.10, 0.13), 0.4))
"""A lamp to one side, and hardly anything from the other."""


def drawn_kinds(head: Path) -> Iterator[tuple[str, U8, F32 | None]]:
    """Yield (kind, picture (480, 480, 3), (2, 48, 2) middle lines of the rims in it or None); `head`: its file."""
    model = load_head(head)
    inside = Oral.of(model)
    for name, seed, person in _people():
        posed = PosedPerson(person, model, inside, random_camera(seed, SIDE))
        pose = random_poses(seed, 1)[0]
        yield name, posed.draw(pose), posed.rims(pose) if person.glasses is not None else None
    posed = PosedPerson(random_person(ASIDE), model, inside, random_camera(ASIDE, SIDE))
    yield "turned aside", posed.draw(replace(random_poses(ASIDE, 1)[0], turn_degrees=(0, ASIDE_DEG, 0))), None


def _people() -> Iterator[tuple[str, int, Person]]:
    for name, (seed, look) in GLASSES.items():
        yield name, seed, replace(random_person(seed), glasses=look)
    bearded = random_person(12)
    hairs = (44, 32, 26)
    complexion = replace(bearded.complexion, stubble=0.75, stubble_colour=hairs)
    yield "beard", 12, replace(bearded, complexion=complexion, stubble_hairs=14000, stubble_cm=0.9)
    fringed = HairLook("bob", (60, 40, 28), fringe=True, hairline_cm=-1.2, volume_cm=0.8, length_cm=24.0)
    yield "long fringe", 16, replace(random_person(16), hair=fringed, cap=None)
    dark = random_person(2)
    skin = replace(dark.complexion, skin=(84, 54, 42), lips=(92, 54, 52), blush=(92, 52, 42), stubble=0.0)
    yield "dark, dim light", 2, replace(dark, complexion=skin, lights=DIM, sky=(0.07, 0.07, 0.08), exposure=0.9)
