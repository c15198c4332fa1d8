"""The nearest reference: the photo whose mouth, or whose eyes, are most like the wanted ones; and its share."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose, mean_head, rotation_matrix, to_pixels
from avatar.generator.references import (
    LARGEST_REFERENCE_SHARE,
    FaceOutline,
    eyes_share,
    face_outline,
    nearest_reference,
)
from avatar.types import BLENDSHAPE_INDEX, HeadPose


def seen(turn: float = 0.0, **coefficients: float) -> FaceOutline:
    """Return the mean face's look with an expression, turned by `turn` radians."""
    values = np.zeros(52, np.float32)
    for name, value in coefficients.items():
        values[BLENDSHAPE_INDEX[name]] = value
    head = (mean_head() + load_basis().displacement(values)).astype(np.float32)
    pose = HeadPose(rotation_matrix(np.array([0, turn, 0], np.float32)), np.array([200, 200, 0], np.float32), 120.0)
    landmarks = to_pixels(head, pose)
    return face_outline(landmarks, fit_pose(landmarks))


def test_an_open_mouth_takes_the_photo_with_the_open_mouth() -> None:
    photos = [seen(), seen(jawOpen=0.6), seen(mouthSmileLeft=0.8, mouthSmileRight=0.8)]
    assert nearest_reference(seen(jawOpen=0.5), photos, "mouth") == 1
    assert nearest_reference(seen(mouthSmileLeft=0.6, mouthSmileRight=0.6), photos, "mouth") == 2
    assert nearest_reference(seen(jawOpen=0.1), photos, "mouth") == 0


def test_mouth_and_eyes_are_chosen_apart() -> None:
    photos = [seen(), seen(jawOpen=0.6), seen(eyeBlinkLeft=0.9, eyeBlinkRight=0.9)]
    wanted = seen(jawOpen=0.6, eyeBlinkLeft=0.9, eyeBlinkRight=0.9)
    assert nearest_reference(wanted, photos, "mouth") == 1
    assert nearest_reference(wanted, photos, "eyes") == 2


def test_the_turn_of_the_head_changes_no_mouth() -> None:
    assert seen(turn=0.4, jawOpen=0.6).lips == pytest.approx(seen(jawOpen=0.6).lips, abs=0.03)
    photos = [seen(jawOpen=0.2), seen(jawOpen=0.6)]
    assert nearest_reference(seen(turn=0.4, jawOpen=0.6), photos, "mouth") == 1
    turned = [seen(), seen(turn=0.4)]
    assert nearest_reference(seen(turn=0.35), turned, "eyes") == 1


def test_a_lender_stays_until_another_is_clearly_nearer() -> None:
    photos = [seen(), seen(jawOpen=0.6)]
    halfway = seen(jawOpen=0.31)
    assert nearest_reference(halfway, photos, "mouth") == 1
    assert nearest_reference(halfway, photos, "mouth", kept=0) == 0, "a mouth that trembles does not flicker"
    assert nearest_reference(seen(jawOpen=0.5), photos, "mouth", kept=0) == 1


def test_with_one_photo_that_one_lends() -> None:
    assert nearest_reference(seen(jawOpen=1.0), [seen()], "mouth") == 0


def test_eyes_like_the_photos_show_most_of_them_and_closed_ones_nothing() -> None:
    shares = [eyes_share(seen(eyeBlinkLeft=blink, eyeBlinkRight=blink), seen()) for blink in (0.0, 0.15, 0.3, 0.9)]
    assert shares[0] == pytest.approx(LARGEST_REFERENCE_SHARE) and shares[-1] == 0
    assert shares == sorted(shares, reverse=True)
    assert eyes_share(seen(turn=0.5), seen()) < shares[0], "a turned eye is another one"


def test_an_outline_is_that_of_the_opening() -> None:
    assert seen().lips.shape == (len(mesh.MOUTH_OPENING), 2)
    assert seen(jawOpen=0.6).mouth_opening > 5 * seen().mouth_opening
