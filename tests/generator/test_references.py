"""Which photo lends: the one whose mouth, or whose eyes, are most like what is to be shown."""

from __future__ import annotations

import numpy as np

from avatar.generator.references import look, nearest_reference
from avatar.types import BLENDSHAPE_INDEX, F32


def seen(turn: float = 0.0, **coefficients: float) -> F32:
    values = np.zeros(52, np.float32)
    for name, value in coefficients.items():
        values[BLENDSHAPE_INDEX[name]] = value
    return look(values, np.array([0, turn, 0], np.float32))


def test_an_open_mouth_takes_the_photo_with_the_open_mouth() -> None:
    photos = np.stack([seen(), seen(jawOpen=0.6), seen(mouthSmileLeft=0.8, mouthSmileRight=0.8)])
    assert nearest_reference(seen(jawOpen=0.5), photos, "mouth") == 1
    assert nearest_reference(seen(mouthSmileLeft=0.6, mouthSmileRight=0.6), photos, "mouth") == 2
    assert nearest_reference(seen(jawOpen=0.1), photos, "mouth") == 0


def test_mouth_and_eyes_are_chosen_apart() -> None:
    photos = np.stack([seen(), seen(jawOpen=0.6), seen(eyeBlinkLeft=0.9, eyeBlinkRight=0.9)])
    wanted = seen(jawOpen=0.6, eyeBlinkLeft=0.9, eyeBlinkRight=0.9)
    assert nearest_reference(wanted, photos, "mouth") == 1
    assert nearest_reference(wanted, photos, "eyes") == 2


def test_the_mouth_counts_more_than_the_brows() -> None:
    photos = np.stack([seen(browInnerUp=0.8), seen(jawOpen=0.6)])
    assert nearest_reference(seen(browInnerUp=0.8, jawOpen=0.7), photos, "mouth") == 1


def test_of_two_like_mouths_the_one_turned_alike_lends() -> None:
    photos = np.stack([seen(jawOpen=0.6), seen(turn=0.4, jawOpen=0.5)])
    assert nearest_reference(seen(turn=0.4, jawOpen=0.6), photos, "mouth") == 1
    assert nearest_reference(seen(turn=0.0, jawOpen=0.6), photos, "mouth") == 0


def test_a_lender_stays_until_another_is_clearly_nearer() -> None:
    photos = np.stack([seen(), seen(jawOpen=0.6)])
    halfway = seen(jawOpen=0.31)
    assert nearest_reference(halfway, photos, "mouth") == 1
    assert nearest_reference(halfway, photos, "mouth", kept=0) == 0, "a mouth that trembles does not flicker"
    assert nearest_reference(seen(jawOpen=0.5), photos, "mouth", kept=0) == 1


def test_with_one_photo_that_one_lends() -> None:
    assert nearest_reference(seen(jawOpen=1.0), seen()[None], "mouth") == 0
