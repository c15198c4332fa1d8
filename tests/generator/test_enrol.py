"""Photos as people choose them: those an avatar is made from, and those that are refused with a reason."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import AvatarError, EnrolError
from avatar.face.pose import rotation_matrix
from avatar.generator.enrol import LARGEST_PICTURES, enrol
from avatar.generator.framing import frame_window
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.identity_file import MAX_SIDE
from avatar.generator.skin_match import skin_colour
from avatar.media.photo import read_photo
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.types import U8, rest_motion


def scaled(photo: U8, factor: float) -> U8:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=way), np.uint8)


def refusal(*photos: U8) -> EnrolError:
    with pytest.raises(EnrolError) as refused:
        enrol(photos)
    assert str(refused.value)[0].isupper() and str(refused.value).endswith("."), "a sentence"
    return refused.value


def test_the_avatar_keeps_the_name_the_face_and_its_background(astronaut: Identity) -> None:
    rest = astronaut.rest
    height, width = rest.rgb.shape[:2]
    assert astronaut.name == "Astronaut" and len(astronaut.portraits) == 1
    assert astronaut.matte.shape == (height, width) and astronaut.plate.shape == rest.rgb.shape
    assert rest.landmarks_px.shape == (478, 3) and rest.blendshapes.shape == (52,)
    x, y = rest.landmarks_px[:468, :2].T
    assert x.min() > 0 and x.max() < width and y.min() > 0 and y.max() < height
    inside = astronaut.matte[np.rint(y).astype(int), np.rint(x).astype(int)]
    assert (inside == 255).all(), "the whole face is in front"
    assert np.median(astronaut.matte[: height // 10]) == 0, "above the head there is background"


def test_the_background_has_lost_the_person(astronaut: Identity) -> None:
    """Where the face was, the backdrop goes on: grey wall in place of skin."""
    x, y = np.rint(astronaut.rest.landmarks_px[1, :2]).astype(int)
    where_the_nose_was = astronaut.plate[y - 10 : y + 10, x - 10 : x + 10].reshape(-1, 3).astype(float)
    wall = astronaut.rest.rgb[:40, -60:].reshape(-1, 3).astype(float)
    nose = astronaut.rest.rgb[y - 10 : y + 10, x - 10 : x + 10].reshape(-1, 3).astype(float)
    assert np.ptp(where_the_nose_was.mean(axis=0)) < 0.5 * np.ptp(nose.mean(axis=0)), "grey, not skin"
    assert np.abs(where_the_nose_was.mean(axis=0) - wall.mean(axis=0)).max() < 45


def test_the_preview_shows_the_face_in_the_middle(astronaut: Identity, look: Callable[[U8], dict[str, float]]) -> None:
    preview = astronaut.preview(256)
    assert preview.shape == (256, 256, 3) and preview.dtype == np.uint8
    assert look(preview)["x"] == pytest.approx(128, abs=16)


def test_no_photo_at_all_is_refused() -> None:
    assert refusal().code == "no_face"


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_photo_without_a_face_is_refused(astronaut: Identity, value: int) -> None:
    assert refusal(np.full((300, 400, 3), value, np.uint8)).code == "no_face"


def test_noise_is_no_face(astronaut: Identity) -> None:
    assert refusal(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)).code == "no_face"


def test_two_people_of_like_size_are_refused(astronaut: Identity, photo: U8) -> None:
    error = refusal(np.hstack([photo, photo]))
    assert error.code == "several_faces" and "2 faces" in str(error)


def test_one_face_that_the_detector_sees_twice_is_one(
    astronaut: Identity, photo: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees = FaceLandmarker.detect

    def sees_twice(landmarker: FaceLandmarker, rgb: U8, time_s: float) -> list[FaceDetection]:
        seen = sees(landmarker, rgb, time_s)
        beside = [replace(face, landmarks_px=face.landmarks_px * 0.97 + np.float32(4)) for face in seen]
        return [*seen, *beside]

    monkeypatch.setattr(FaceLandmarker, "detect", sees_twice)
    assert enrol([photo]).rest.landmarks_px.shape == (478, 3)


def test_a_face_far_in_the_background_does_not_matter(astronaut: Identity, photo: U8) -> None:
    large = scaled(photo, 2)
    large[40:240, 780:980] = cv2.resize(photo[20:270, 100:350], (200, 200), interpolation=cv2.INTER_AREA)
    assert np.ptp(enrol([large]).rest.landmarks_px[:, 0]) > 150


def test_a_face_too_small_says_how_small(astronaut: Identity, photo: U8) -> None:
    error = refusal(scaled(photo, 0.6))
    assert error.code == "face_too_small" and "96" in str(error)


def test_a_head_turned_away_is_refused(astronaut: Identity, photo: U8, monkeypatch: pytest.MonkeyPatch) -> None:
    aside = rotation_matrix(np.radians([0, 45, 0]).astype(np.float32))
    middle = astronaut.rest.landmarks_px.mean(axis=0)
    turned = ((astronaut.rest.landmarks_px - middle) @ aside.T + middle).astype(np.float32)
    seen = FaceDetection(landmarks_px=turned, blendshapes=astronaut.rest.blendshapes)
    monkeypatch.setattr(FaceLandmarker, "detect", lambda *_: [seen])
    error = refusal(photo)
    assert error.code == "face_turned" and "degrees" in str(error)


def test_a_face_that_fills_the_photo_is_found(astronaut: Identity, photo: U8) -> None:
    close = scaled(np.ascontiguousarray(photo[50:200, 160:290]), 2.5)
    identity = enrol([close])
    GeometryGenerator(identity, (256, 256)).render(rest_motion(0.0))


def test_a_face_small_in_a_large_photo_is_found(astronaut: Identity, photo: U8) -> None:
    """As from across a room: 110 pixels of 1800, enough for an avatar, too few for the detector's first look."""
    room = np.full((1200, 1800, 3), 150, np.uint8)
    room[640:1152, 1100:1612] = photo
    rest = enrol([room]).rest
    assert np.ptp(rest.landmarks_px[:, :2], axis=0) == pytest.approx(
        np.ptp(astronaut.rest.landmarks_px[:, :2], axis=0), rel=0.05
    )


@pytest.mark.parametrize(("size", "face_px"), [((2048, 1536), 100), ((1536, 2048), 130)])
def test_a_small_face_in_a_corner_of_a_phones_photo_is_found(
    astronaut: Identity, photo: U8, size: tuple[int, int], face_px: int
) -> None:
    scale = face_px / 105
    place = np.array([[scale, 0, size[0] - 225 * scale - 60], [0, scale, size[1] - 125 * scale - 70]], np.float32)
    phone = np.asarray(cv2.warpAffine(photo, place, size, borderValue=(140, 150, 160)), np.uint8)
    size_found = np.ptp(enrol([phone]).rest.landmarks_px[:, :2], axis=0).max()
    assert size_found == pytest.approx(face_px, rel=0.08)


def test_a_face_as_small_as_a_stamp_is_called_too_small_and_not_missing(astronaut: Identity, photo: U8) -> None:
    room = np.full((1536, 2048, 3), 150, np.uint8)
    small = scaled(photo, 0.45)
    room[900 : 900 + len(small), 1500 : 1500 + len(small)] = small
    error = refusal(room)
    assert error.code == "face_too_small" and re.search(r"is 4\d pixels across", str(error))


@pytest.mark.slow
def test_a_large_photo_is_worked_on_at_a_sensible_size(astronaut: Identity, photo: U8) -> None:
    portrait = enrol([scaled(photo, 5)]).rest
    size = portrait.rgb.shape[1], portrait.rgb.shape[0]
    # Scaled by the landmarks of the first look; the second finds a face a little larger or smaller.
    finest = max(frame_window(portrait.landmarks_px, size, picture).scale for picture in LARGEST_PICTURES)
    assert finest == pytest.approx(1, rel=0.03), "as fine as the largest pictures, and no finer"
    assert max(size) <= MAX_SIDE


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_lying_on_its_side_by_exif_is_taken_upright(astronaut: Identity, photo: U8, orientation: int) -> None:
    turns = {3: 2, 6: 1, 8: 3}[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    stream = io.BytesIO()
    Image.fromarray(np.rot90(photo, turns)).save(stream, "JPEG", quality=95, exif=exif)
    identity = enrol([read_photo(stream.getvalue(), LimitSettings())])
    assert identity.rest.landmarks_px == pytest.approx(astronaut.rest.landmarks_px, abs=5)


def test_several_photos_are_kept_and_the_first_is_the_one_at_rest(astronaut: Identity, photo: U8) -> None:
    identity = enrol([photo, np.ascontiguousarray(photo[:, ::-1])], name="Two")
    assert len(identity.portraits) == 2
    assert np.array_equal(identity.rest.rgb, astronaut.rest.rgb)


def test_a_further_photo_in_another_light_gets_the_first_ones_skin(astronaut: Identity, photo: U8) -> None:
    warm = np.clip(photo * np.array([0.95, 0.8, 0.7]), 0, 255).astype(np.uint8)
    rest, other = enrol([photo, warm]).portraits
    assert (rest.rgb == astronaut.rest.rgb).all()
    assert np.abs(skin_colour(other) - skin_colour(rest)).max() <= 3


def test_of_several_photos_the_bad_one_is_named(astronaut: Identity, photo: U8) -> None:
    error = refusal(photo, np.zeros((300, 300, 3), np.uint8))
    assert error.code == "no_face" and str(error).startswith("Photo 2: ")


def test_the_same_photo_gives_the_same_avatar(astronaut: Identity, photo: U8) -> None:
    again = enrol([photo], name="Astronaut")
    assert np.array_equal(again.rest.landmarks_px, astronaut.rest.landmarks_px)
    assert np.array_equal(again.matte, astronaut.matte) and np.array_equal(again.plate, astronaut.plate)


@pytest.mark.parametrize("shape", [(1, 1, 3), (15, 400, 3), (96, 96, 3)])
def test_tiny_pictures_are_refused_in_words(astronaut: Identity, shape: tuple[int, ...]) -> None:
    with pytest.raises(AvatarError):
        enrol([np.full(shape, 90, np.uint8)])


def test_a_photo_in_which_the_background_is_all_person_still_works(astronaut: Identity, photo: U8) -> None:
    """A close crop leaves nothing to continue the background from."""
    identity = enrol([scaled(np.ascontiguousarray(photo[30:230, 140:320]), 2)])
    assert identity.plate.shape == identity.rest.rgb.shape
