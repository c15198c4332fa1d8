"""The drawn assets as the product meets them, and the promise that the settings draw them again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.errors import ModelError
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from training import render_faces

REPOSITORY = Path(__file__).parents[2]
ASSETS = REPOSITORY / "assets"
HEAD = Path(os.environ.get("HEAD3D_FILE", "ict_facekit_light.npz"))
FACES = sorted((ASSETS / "faces").glob("*.jpg"))


def read_rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_there_are_several_people_to_choose_from() -> None:
    assert len(FACES) >= 3


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.stem)
def test_a_face_is_large_enough_to_animate_and_light_enough_to_ship(path: Path) -> None:
    assert read_rgb(path).shape == (1024, 1024, 3)
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.stem)
def test_the_landmarker_finds_one_face_at_rest_that_looks_at_us(path: Path) -> None:
    try:
        model = get_model("face_landmarker")
    except ModelError as error:
        pytest.skip(f"no face model and no network to pull it: {error}")
    landmarker = FaceLandmarker(model, video=False)
    try:
        (face,) = landmarker.detect(read_rgb(path), 0.0)
    finally:
        landmarker.close()
    y = face.landmarks_px[:468, 1]
    assert 0.38 < (y.max() - y.min()) / 1024 < 0.52
    # The mouth is shut: the inner lips touch, within the landmarker's own error of about a hundredth of the face.
    assert abs(face.landmarks_px[13, 1] - face.landmarks_px[14, 1]) < 0.012 * (y.max() - y.min())


@pytest.mark.parametrize("name", ["upper", "lower"])
def test_the_mouth_pictures_fit_their_registration(name: str) -> None:
    entry = json.loads((ASSETS / "mouth" / "mouth.json").read_text())[name]
    rgba = cv2.imread(str(ASSETS / "mouth" / entry["file"]), cv2.IMREAD_UNCHANGED)
    assert rgba.shape == (entry["height"], entry["width"], 4)
    # The anchor lies on the middle teeth's biting edge: teeth on one side of it, nothing or tongue on the other.
    x, y = (round(value) for value in entry["anchor_px"])
    inside = -12 if name == "upper" else 12
    tooth = rgba[y + inside, x - 40]
    assert tooth[3] > 250
    assert tooth[:3].min() > 110
    # Outside it is clear, but its colour runs on, so that scaling leaves no dark fringe.
    assert rgba[..., 3].min() == 0


def test_the_settings_draw_the_portraits_that_are_shipped(tmp_path: Path) -> None:
    if not HEAD.is_file():
        pytest.skip("HEAD3D_FILE does not name the 3D head, ict_facekit_light.npz")
    size = ["--side", "128", "--samples", "1"]
    render_faces.main(["--head", str(HEAD), "--out", str(tmp_path), "--only", "tomas", *size])
    drawn = read_rgb(tmp_path / "faces" / "tomas.jpg")
    shipped, other = (
        cv2.resize(read_rgb(ASSETS / "faces" / f"{name}.jpg"), (128, 128), interpolation=cv2.INTER_AREA)
        for name in ("tomas", "mira")
    )
    # One sample a pixel is coarse at edges and in hair.
    assert apart(drawn, shipped) < 5
    assert apart(drawn, other) > 30


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference of pictures whose fine detail is blurred away, levels of 255."""
    return float(cv2.absdiff(cv2.blur(one, (5, 5)), cv2.blur(other, (5, 5))).mean())
