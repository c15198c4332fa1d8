"""A face far from the camera: found wherever it is, measured as a near one, and looked for at a bounded cost."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from avatar.config import LimitSettings
from avatar.face.pose import rotation_vector, to_head_frame
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from avatar.perception.face_finder import FaceFinder
from avatar.perception.subject import FaceBox
from avatar.perception.sweep import LIVE_REGIONS, SearchRegions
from avatar.perception.tracker import FaceTracker
from avatar.types import U8, FaceState
from benchmarks.far_faces import grains_of, noisy

pytestmark = pytest.mark.slow

FPS = 30.0
PORTRAIT = read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())
FACE_PX = 89.5
"""Width of the face in the portrait."""


def seen(size: tuple[int, int], face_px: float, at: tuple[float, float], noise: int = 0) -> U8:
    """Return a picture of (width, height) with the portrait's face so wide, its middle at a place in pixels."""
    scale = face_px / FACE_PX
    portrait = PORTRAIT
    if scale < 0.7:
        portrait = cv2.GaussianBlur(portrait, (0, 0), 0.4 / scale)
    place = np.array([[scale, 0, at[0] - 225 * scale], [0, scale, at[1] - 125 * scale]], np.float32)
    picture = cv2.warpAffine(portrait, place, size, flags=cv2.INTER_LINEAR, borderValue=(110, 110, 110))
    grain = np.random.default_rng(noise).normal(0.0, 2.0, (270, 480, 3)).round().astype(np.int8)
    tiled = np.tile(grain, (-(-size[1] // 270), -(-size[0] // 480), 1))[: size[1], : size[0]]
    return np.asarray(cv2.add(picture, np.ascontiguousarray(tiled), dtype=cv2.CV_8U), np.uint8)


def states(tracker: FaceTracker, picture: U8, frames: int, first: int = 0) -> list[FaceState | None]:
    return [tracker.track(picture, (first + index) / FPS) for index in range(frames)]


@pytest.mark.parametrize(
    ("size", "face_px", "at", "frames"),
    [
        ((640, 480), 40, (600, 440), 15),
        ((1280, 720), 89, (640, 360), 10),
        ((1280, 720), 60, (1220, 60), 15),
        ((1920, 1080), 40, (36, 1044), 30),
        ((1920, 1080), 120, (1800, 110), 15),
        ((1920, 1080), 180, (960, 540), 10),
        ((1080, 1920), 60, (540, 960), 30),
    ],
)
def test_found_however_small_and_wherever_and_then_kept(
    tracker: FaceTracker, size: tuple[int, int], face_px: float, at: tuple[int, int], frames: int
) -> None:
    picture = seen(size, face_px, at)
    wait = states(tracker, picture, frames)
    assert wait[-1] is not None, f"not found in {frames} frames"
    for state in states(tracker, picture, 10, frames):
        assert state is not None and state.confidence == 1.0
        box = FaceBox.around(state.landmarks_px)
        assert np.hypot(box.centre[0] - at[0], box.centre[1] - at[1]) < 0.1 * face_px
        assert np.ptp(state.landmarks_px[:, 0]) == pytest.approx(face_px, rel=0.08)


def test_the_same_pixels_give_the_same_face_far_away_and_near(tracker: FaceTracker, face_model: Path) -> None:
    """Followed in all of a full-HD picture, or in the part of it that a camera nearer by would have taken."""
    picture = seen((1920, 1080), 180, (1500, 400))
    far = states(tracker, picture, 12)[-1]
    with FaceTracker(face_model) as other:
        near = states(other, np.ascontiguousarray(picture[160:640, 1180:1820]), 12)[-1]
    assert far is not None and near is not None
    apart = far.landmarks_px[:, :2] - near.landmarks_px[:, :2] - np.array([1180, 160])
    assert np.abs(apart).max() < 0.01 * 180
    assert np.abs(far.blendshapes - near.blendshapes).max() < 0.02
    turns = [np.degrees(rotation_vector(state.pose.rotation)) for state in (far, near)]
    assert np.abs(turns[0] - turns[1]).max() < 0.5
    shapes = [to_head_frame(state.landmarks_px, state.pose) for state in (far, near)]
    assert np.abs(shapes[0] - shapes[1]).max() < 0.02, "depth too, whose unit is the picture's width"


def test_a_far_face_that_walks_through_the_picture_is_followed(tracker: FaceTracker) -> None:
    first = states(tracker, seen((1920, 1080), 60, (300, 500)), 25)[-1]
    assert first is not None
    walk = [tracker.track(seen((1920, 1080), 60, (300 + 8 * n, 500 + n), n), (25 + n) / FPS) for n in range(20)]
    assert all(state is not None and state.confidence == 1.0 for state in walk)
    assert walk[-1] is not None and walk[-1].pose.translation_px[0] - first.pose.translation_px[0] > 130


def test_whoever_comes_back_to_their_place_is_found_at_once(tracker: FaceTracker) -> None:
    picture, empty = seen((1920, 1080), 60, (1500, 800)), np.full((1080, 1920, 3), 110, np.uint8)
    assert states(tracker, picture, 25)[-1] is not None
    assert states(tracker, empty, 45, 25)[-1] is None
    again = tracker.track(picture, 70 / FPS)
    assert again is not None and again.confidence == 1.0


def test_of_two_far_people_the_nearer_becomes_the_subject(tracker: FaceTracker) -> None:
    picture = seen((1280, 720), 60, (200, 300))
    picture[:, 640:] = seen((1280, 720), 130, (960, 360))[:, 640:]
    last = states(tracker, picture, 150)[-1]
    assert last is not None and last.pose.translation_px[0] > 640


def test_following_a_far_face_costs_what_following_a_near_one_does(tracker: FaceTracker, monkeypatch: Any) -> None:
    picture = seen((1920, 1080), 60, (1500, 800))
    assert states(tracker, picture, 25)[-1] is not None
    looks = counted(monkeypatch)
    states(tracker, picture, 42, 25)
    assert len(looks) <= 3, "every 0.7 s somebody else may have come"


def test_nobody_costs_a_few_looks_a_frame_and_one_in_a_still_picture(tracker: FaceTracker, monkeypatch: Any) -> None:
    looks = counted(monkeypatch)
    empty = np.full((1080, 1920, 3), 110, np.uint8)
    assert states(tracker, empty, 25) == [None] * 25
    assert len(looks) <= 25 * (1 + LIVE_REGIONS)
    looks.clear()
    assert states(tracker, empty, 20, 25) == [None] * 20
    assert len(looks) == 20


@pytest.mark.parametrize("thing", ["bricks", "gravel", "cup", "page", "rocket"])
def test_things_and_patterns_are_no_faces(tracker: FaceTracker, drawn_things: ModuleType, thing: str) -> None:
    filling = np.asarray(cv2.resize(getattr(drawn_things, thing)(), (1280, 720)), np.uint8)
    assert states(tracker, filling, 12) == [None] * 12


def test_a_texture_that_looks_like_a_face_in_one_part_is_none(tracker: FaceTracker, drawn_things: ModuleType) -> None:
    """Bright discs in dark halos, filmed: some parts of them show MediaPipe a face that it follows."""
    size = (1920, 1080)
    film = noisy(drawn_things.discs(*size), grains_of(size))
    assert [tracker.track(next(film), index / FPS) for index in range(24)] == [None] * 24


def test_what_a_second_look_does_not_show_is_not_followed(tracker: FaceTracker, monkeypatch: Any) -> None:
    size = (1280, 720)
    parts = SearchRegions.of(*size)
    look = FaceFinder.detect

    def once(self: FaceFinder, rgb: U8, region: Any, known: FaceBox | None = None) -> list[FaceBox]:
        return look(self, rgb, region, known) if region in (*parts.large, *parts.small) else []

    monkeypatch.setattr(FaceFinder, "detect", once)
    assert states(tracker, seen(size, 60, (600, 300)), 20) == [None] * 20


def counted(monkeypatch: Any) -> list[object]:
    """Return a list that gets an entry for every detection of the face finder."""
    looks: list[object] = []
    look = FaceFinder.detect

    def counting(self: FaceFinder, rgb: U8, region: Any, known: FaceBox | None = None) -> Any:
        looks.append(region)
        return look(self, rgb, region, known)

    monkeypatch.setattr(FaceFinder, "detect", counting)
    return looks
