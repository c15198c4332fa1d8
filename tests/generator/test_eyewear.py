"""Glasses are noticed in a photo, so that their rims stay stiff."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.generator.eyewear import wears_glasses
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.types import U8
from benchmarks.painted_glasses import Glasses, wearing

LOOKS = {
    "black": Glasses(0.4, 0.3, 3.0, 0.04, 0.07, (20, 20, 22)),
    "round, of steel": Glasses(0.38, 0.36, 2.0, 0.05, 0.025, (90, 92, 98), cover=0.9, shade=0.2),
    "half rims": Glasses(0.42, 0.28, 3.5, 0.03, 0.05, (40, 28, 24), lower=False),
}


def with_glasses(identity: Identity, name: str) -> U8:
    return wearing(identity.rest.rgb, identity.rest.landmarks_px, LOOKS[name], np.random.default_rng(0))


@pytest.mark.parametrize("name", LOOKS)
def test_glasses_are_noticed_in_photos_of_any_size(astronaut: Identity, name: str) -> None:
    picture, landmarks = with_glasses(astronaut, name), astronaut.rest.landmarks_px
    for scale in (0.5, 1.0, 2.5):
        scaled = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        assert wears_glasses(scaled, landmarks * np.float32(scale)), scale


def test_whoever_wears_glasses_is_drawn_with_stiff_rims(astronaut: Identity) -> None:
    worn = replace(astronaut, portraits=(replace(astronaut.rest, rgb=with_glasses(astronaut, "black")),))
    size = (256, 256)
    assert GeometryGenerator(worn, size).rig.stiff is not None
