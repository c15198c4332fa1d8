"""Photos that will do but not well: masks, hands, glasses, closed eyes, blur, edges, turned heads. Good ones pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.config import LimitSettings
from avatar.face.pose import rotation_matrix
from avatar.generator.enrol import take_portrait
from avatar.generator.eyewear import wears_glasses
from avatar.generator.identity import Identity, Portrait
from avatar.generator.photo_checks import photo_warnings
from avatar.identities.builtin import builtin_faces
from avatar.media.photo import read_photo
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import BLENDSHAPE_INDEX, U8
from benchmarks.occluders import OCCLUDERS, cover, skin_of
from benchmarks.photo_checks import COLOURS, MASKED, masked, with_glasses


@pytest.fixture(scope="module")
def portraits(face_model: Path) -> dict[str, Portrait]:
    """The built-in faces, as enrolment takes them."""
    with FaceLandmarker(face_model, video=False) as landmarker:
        return {
            face.id: take_portrait(read_photo(face.image.read_bytes(), LimitSettings()), landmarker)
            for face in builtin_faces()
        }


def seen(rgb: U8, model: Path) -> Portrait:
    with FaceLandmarker(model, video=False) as landmarker:
        return take_portrait(rgb, landmarker)


def test_good_photos_pass_without_a_word(portraits: dict[str, Portrait]) -> None:
    assert {name: photo_warnings([portrait]) for name, portrait in portraits.items()} == dict.fromkeys(portraits, ())


def test_none_of_them_is_taken_to_wear_glasses(portraits: dict[str, Portrait]) -> None:
    assert not [name for name, portrait in portraits.items() if wears_glasses(portrait.rgb, portrait.landmarks_px)]


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["blue mask", "black mask", "white mask", "mask like skin"])
@pytest.mark.parametrize("face", ["mira", "kofi"])
def test_a_mask_over_nose_and_mouth_is_warned_of(
    portraits: dict[str, Portrait], face_model: Path, face: str, colour: str
) -> None:
    covered = seen(masked(portraits[face], COLOURS[colour], np.random.default_rng(0)), face_model)
    (warning,) = photo_warnings([covered])
    assert "cover the mouth" in warning and warning.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("turns", [1, 3])
def test_a_photo_that_lies_on_its_side_is_warned_of(
    portraits: dict[str, Portrait], face_model: Path, turns: int
) -> None:
    (warning,) = photo_warnings([seen(np.ascontiguousarray(np.rot90(portraits["mira"].rgb, turns)), face_model)])
    assert "lies on its side" in warning
    leaning = int(warning.split(" degrees")[0].split()[-1])
    assert abs(leaning - 90) < 12


@pytest.mark.slow
@pytest.mark.parametrize("colour", [(110, 160, 205), (235, 235, 235), (28, 28, 32), (48, 58, 85)])
@pytest.mark.parametrize("face", ["mira", "kofi", "lin", "tomas"])
def test_a_plain_mask_with_three_folds_is_warned_of(
    portraits: dict[str, Portrait], face_model: Path, face: str, colour: tuple[int, int, int]
) -> None:
    rgb, spots = portraits[face].rgb.copy(), np.rint(portraits[face].landmarks_px[:, :2]).astype(int)
    cv2.fillConvexPoly(rgb, cv2.convexHull(spots[list(MASKED)]), colour)
    for share in (0.3, 0.5, 0.7):
        ends = [tuple(map(int, spots[up] * (1 - share) + spots[low] * share)) for up, low in ((123, 172), (352, 397))]
        cv2.line(rgb, *ends, tuple(int(0.85 * light) for light in colour), max(1, round(np.ptp(spots[:, 0]) / 130)))
    (warning,) = photo_warnings([seen(rgb, face_model)])
    assert "cover the mouth" in warning


@pytest.mark.slow
@pytest.mark.parametrize("thing", ["phone", "mug", "microphone"])
def test_a_thing_before_the_mouth_is_warned_of(portraits: dict[str, Portrait], face_model: Path, thing: str) -> None:
    face = portraits["tomas"]
    held = OCCLUDERS[thing](np.random.default_rng(1), skin_of(face.rgb, face.landmarks_px))
    warnings = photo_warnings([seen(cover(face.rgb, face.landmarks_px, held), face_model)])
    assert any("cover the mouth" in warning for warning in warnings)


def test_dark_glasses_are_warned_of(portraits: dict[str, Portrait], face_model: Path) -> None:
    warnings = photo_warnings([seen(with_glasses(portraits["mira"]), face_model)])
    assert any("glasses" in warning for warning in warnings)


def test_a_blurred_face_is_warned_of(astronaut: Identity) -> None:
    rest = astronaut.rest
    blurred = cv2.GaussianBlur(rest.rgb, (0, 0), float(np.ptp(rest.landmarks_px[:, 1])) / 30)
    (warning,) = photo_warnings([replace(rest, rgb=np.asarray(blurred, np.uint8))])
    assert "blurred" in warning


def test_a_face_at_the_edge_and_one_that_is_turned_are_warned_of(astronaut: Identity) -> None:
    rest = astronaut.rest
    chin, mouth = int(rest.landmarks_px[:, 1].max()) - 8, int(rest.landmarks_px[13, 1])
    for edge in (chin, mouth):
        warnings = photo_warnings([replace(rest, rgb=np.ascontiguousarray(rest.rgb[:edge]))])
        assert "cut off" in warnings[0]
        assert not any("cover the mouth" in warning for warning in warnings), "it is beyond the edge, not covered"
    middle = rest.landmarks_px.mean(axis=0)
    aside = (rest.landmarks_px - middle) @ rotation_matrix(np.radians([0, 30, 0]).astype(np.float32)).T + middle
    warnings = photo_warnings([replace(rest, landmarks_px=aside.astype(np.float32))])
    assert any("turned" in warning and "degrees" in warning for warning in warnings)


def test_closed_eyes_matter_in_the_photo_it_rests_in_only(astronaut: Identity) -> None:
    blendshapes = astronaut.rest.blendshapes.copy()
    blendshapes[[BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]] = 0.8
    closed = replace(astronaut.rest, blendshapes=blendshapes)
    (warning,) = photo_warnings([closed, closed])
    assert warning.startswith("Photo 1: ") and "closed" in warning
    assert photo_warnings([astronaut.rest, closed]) == ()


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_wink_would_stay(astronaut: Identity, side: str) -> None:
    blendshapes = astronaut.rest.blendshapes.copy()
    blendshapes[BLENDSHAPE_INDEX[f"eyeBlink{side}"]] += 0.4
    winking = replace(astronaut.rest, blendshapes=blendshapes)
    (warning,) = photo_warnings([winking, winking])
    assert warning.startswith("Photo 1: One eye")
