"""Which photo leads: the one whose mouth is most like what is to be shown."""

from __future__ import annotations

import numpy as np

from avatar.generator.references import nearest_reference
from avatar.types import BLENDSHAPE_INDEX, F32


def expression(**coefficients: float) -> F32:
    values = np.zeros(52, np.float32)
    for name, value in coefficients.items():
        values[BLENDSHAPE_INDEX[name]] = value
    return values


def test_an_open_mouth_takes_the_photo_with_the_open_mouth() -> None:
    photos = np.stack([expression(), expression(jawOpen=0.6), expression(mouthSmileLeft=0.8, mouthSmileRight=0.8)])
    assert nearest_reference(expression(jawOpen=0.5), photos) == 1
    assert nearest_reference(expression(mouthSmileLeft=0.6, mouthSmileRight=0.6), photos) == 2
    assert nearest_reference(expression(jawOpen=0.1), photos) == 0


def test_the_mouth_counts_more_than_the_brows() -> None:
    photos = np.stack([expression(browInnerUp=0.8), expression(jawOpen=0.6)])
    assert nearest_reference(expression(browInnerUp=0.8, jawOpen=0.7), photos) == 1


def test_with_one_photo_that_one_leads() -> None:
    assert nearest_reference(expression(jawOpen=1.0), expression()[None]) == 0
