"""Shut lids show skin and lashes, and nothing of the eye."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.shut_lids import ShutLids
from avatar.types import Motion

Move = Callable[..., Motion]
EYES = (mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING)


@pytest.fixture(scope="module")
def green_eyed(astronaut: Identity) -> Identity:
    """The astronaut with green eyeballs, which end where a polygon's border does, up to a pixel beyond the lids'."""
    rgb = astronaut.rest.rgb.copy()
    for opening in EYES:
        outline = np.rint(astronaut.rest.landmarks_px[list(opening), :2] * 16).astype(np.int32)
        cv2.fillPoly(rgb, [outline], (0, 255, 0), cv2.LINE_8, 4)
    return replace(astronaut, portraits=(replace(astronaut.rest, rgb=rgb),))


def green_pixels(identity: Identity, motion: Motion) -> int:
    picture = GeometryGenerator(identity, (512, 512)).render(motion).astype(int)
    return int((picture[..., 1] > picture[..., [0, 2]].max(axis=2) + 60).sum())


@pytest.mark.parametrize("turn", [{}, {"yaw": 14}, {"roll": 10}])
def test_a_blink_shows_next_to_nothing_of_the_eye(green_eyed: Identity, move: Move, turn: dict[str, float]) -> None:
    shown, shut = (green_pixels(green_eyed, move(eyeBlinkLeft=x, eyeBlinkRight=x, **turn)) for x in (0, 1))
    assert shown > 500
    assert shut < 0.12 * shown, "a fifth where lids are looked up at their landmarks"


def test_lids_meet_one_eye_at_a_time_and_not_before_they_are_nearly_shut(astronaut: Identity, move: Move) -> None:
    rig = GeometryGenerator(astronaut, (512, 512)).rig
    lids = ShutLids(rig.rest)

    def met(motion: Motion) -> tuple[float, float]:
        return lids.met(rig.landmarks(motion, rig.pose(motion)))

    assert met(move()) == met(move(eyeBlinkLeft=0.6, eyeBlinkRight=0.6, yaw=10)) == (0, 0)
    assert met(move(eyeBlinkLeft=1)) == (0, 1)
    assert met(move(eyeBlinkRight=1)) == (1, 0)
