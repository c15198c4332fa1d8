"""Photos of one person are never doubted; another person's is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.errors import TrustError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity, Portrait
from avatar.generator.one_person import strangers
from avatar.generator.photo_checks import photo_warnings
from avatar.identities.open import open_identity
from avatar.trust.likeness import Likeness, why_not_installed
from avatar.types import F32, U8, Motion


def narrowed(portrait: Portrait, share: float) -> Portrait:
    """The same photo with a face so much narrower: somebody else's shape."""
    landmarks = portrait.landmarks_px.copy()
    middle = landmarks[:, 0].mean()
    landmarks[:, 0] = middle + share * (landmarks[:, 0] - middle)
    return replace(portrait, landmarks_px=landmarks)


class Unwell:
    """Face recognition that fails."""

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        raise TrustError("It ended unexpectedly.")

    def close(self) -> None: ...


def test_a_face_of_quite_another_shape_is_another_persons(astronaut: Identity) -> None:
    first = astronaut.rest
    assert strangers([first]) == () and strangers([first, narrowed(first, 0.97)]) == ()
    assert strangers([first, first, narrowed(first, 0.8)]) == (2,)
    assert strangers([first, narrowed(first, 0.8)], Unwell()) == (1,), "the shape is there when recognition is not"


def test_face_recognition_knows_a_person_from_others(astronaut: Identity, move: Callable[..., Motion]) -> None:
    if (reason := why_not_installed()) is not None:
        pytest.skip(reason)
    generator = GeometryGenerator(astronaut, (512, 512))
    motion = move(yaw=12, jawOpen=0.4)
    landmarks = generator.rig.landmarks(motion, generator.rig.pose(motion))
    moved = Portrait(np.ascontiguousarray(generator.render(motion)), landmarks, astronaut.rest.blendshapes)
    other = open_identity("kofi").rest
    assert strangers([astronaut.rest, moved, other], Likeness()) == (2,)
    (warning,) = photo_warnings([astronaut.rest, other], Likeness())
    assert warning.startswith("Photo 2: This seems to be another person")
