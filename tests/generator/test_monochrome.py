"""The mouth of a photo without colours has none either: black and white stays so, sepia stays sepia."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.monochrome import tones_of
from avatar.types import F32, U8, Motion

SEPIA = (1.12, 0.98, 0.75)
Move = Callable[..., Motion]


def toned(identity: Identity, tones: tuple[float, float, float]) -> Identity:
    def of(rgb: U8) -> U8:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None]
        return np.asarray((grey * np.array(tones)).clip(0, 255), np.uint8)

    rest = replace(identity.rest, rgb=of(identity.rest.rgb))
    return replace(identity, portraits=(rest,), plate=of(identity.plate))


def mouth_of(identity: Identity, motion: Motion) -> F32:
    """Return the pixels (n, 3) inside the lips of a picture."""
    generator = GeometryGenerator(identity, (256, 256))
    landmarks = generator.rig.landmarks(motion, generator.rig.pose(motion))
    inside = np.zeros((256, 256), np.uint8)
    cv2.fillPoly(inside, [np.rint(landmarks[list(mesh.MOUTH_OPENING), :2]).astype(np.int32)], 1)
    return generator.render(motion)[inside > 0].astype(np.float32)


def test_only_photos_without_colours_have_tones(astronaut: Identity) -> None:
    landmarks = astronaut.rest.landmarks_px
    assert tones_of(astronaut.rest.rgb, landmarks) is None
    grey = tones_of(toned(astronaut, (1, 1, 1)).rest.rgb, landmarks)
    assert grey is not None and np.abs(grey[:, 0].astype(int) - np.arange(256)[:, None]).max() <= 1
    sepia = tones_of(toned(astronaut, SEPIA).rest.rgb, landmarks)
    assert (
        sepia is not None and (sepia[100, 0, 0] > sepia[100, 0, 1] + 5) and (sepia[100, 0, 1] > sepia[100, 0, 2] + 10)
    )


def test_an_open_mouth_has_the_photos_tones(astronaut: Identity, move: Move) -> None:
    motion = move(jawOpen=0.6)
    coloured, grey, sepia = (
        mouth_of(identity, motion) for identity in (astronaut, toned(astronaut, (1, 1, 1)), toned(astronaut, SEPIA))
    )
    assert len(grey) > 100 and np.ptp(coloured, axis=1).max() > 20
    assert np.ptp(grey, axis=1).max() <= 2
    light = sepia[sepia.mean(axis=1) > 40]
    shares = light / light.mean(axis=1, keepdims=True)
    assert (
        np.abs(shares.mean(axis=0) - np.array(SEPIA) / np.mean(SEPIA)).max() < 0.03 and shares.std(axis=0).max() < 0.04
    )
