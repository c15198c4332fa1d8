"""The mesh's backward flow: every pixel of the moved face knows where in the photo it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial import Delaunay

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose
from avatar.generator.cheek_skin import interpolated
from avatar.generator.face_flow import COARSER, FaceFlow, FaceMesh
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.generator.triangle_raster import PlacedTriangles
from avatar.types import F32, Motion

SIZE = (499, 398)


@pytest.fixture(scope="module")
def rig(astronaut: Identity) -> Rig:
    assert astronaut.rest.rgb.shape[:2] == SIZE[::-1]
    return Rig(astronaut.rest.landmarks_px, load_basis())


@pytest.fixture(scope="module")
def face(rig: Rig) -> FaceMesh:
    return FaceMesh(rig.rest)


def flow_to(face: FaceMesh, landmarks: F32) -> FaceFlow:
    return face.moved(landmarks, fit_pose(landmarks)).flow(SIZE)


def test_at_rest_every_pixel_comes_from_its_own_place(face: FaceMesh, rig: Rig) -> None:
    flow = flow_to(face, rig.rest)
    rows, columns = np.nonzero(flow.covered)
    x, y = flow.places[:, rows, columns]
    away = np.hypot(x - columns - flow.left, y - rows - flow.top)
    # At the sides of a face the estimated depth folds a few triangles over; they are laid out beside each other.
    assert np.percentile(away, 95) < 0.01 and np.percentile(away, 99.5) < 2


@pytest.mark.parametrize("motion", [{"yaw": 15}, {"pitch": -10, "roll": 10}, {"jawOpen": 0.8}, {"eyeBlinkLeft": 1}])
def test_a_moved_face_has_no_holes(
    face: FaceMesh, rig: Rig, move: Callable[..., Motion], motion: dict[str, float]
) -> None:
    moved = rig.landmarks(move(**motion), rig.pose(move(**motion)))
    flow = flow_to(face, moved)
    outside = np.pad(flow.covered, 1)
    cv2.floodFill(outside, None, (0, 0), 128)
    assert (outside == 0).sum() == 0


@pytest.mark.parametrize("motion", [{}, {"yaw": 20}, {"yaw": -15, "pitch": 8}])
def test_the_coarse_outline_is_as_smooth_as_the_fine_one(
    face: FaceMesh, rig: Rig, move: Callable[..., Motion], motion: dict[str, float]
) -> None:
    pose, size, errors = rig.pose(move(**motion)), (496, 392), []
    for shift in np.arange(0, 4, 0.5):  # how an edge lies in the coarse pixels says a third of it
        moved = face.moved(rig.landmarks(move(**motion), pose) + np.array([shift, 1.7 * shift, 0], np.float32), pose)
        fine, coarse = moved.flow(size), moved.coarse_flow(size, 8)
        assert coarse.share is not None
        whole = np.zeros(size[::-1], np.float32)
        left, top, right, bottom = fine.box(1)
        whole[top:bottom, left:right] = fine.covered
        left, top, right, bottom = coarse.box(COARSER)
        shares = cv2.resize(whole[top:bottom, left:right], coarse.share.shape[::-1], interpolation=cv2.INTER_AREA)
        edge = (shares > 0) & (shares < 1)
        assert edge.sum() > 50
        smooth, hard = np.abs(coarse.share - shares), np.abs(coarse.covered - shares)
        errors.append((smooth[edge].mean(), hard[edge].mean(), smooth[~edge].mean()))
    smooth_edge, hard_edge, elsewhere = np.mean(errors, axis=0)
    assert smooth_edge < hard_edge / 2
    assert elsewhere < 0.01


def test_landmarks_take_their_own_pixels_along(face: FaceMesh, rig: Rig, move: Callable[..., Motion]) -> None:
    motion = move(yaw=-8, roll=5, mouthSmileLeft=-0.5)
    moved = rig.landmarks(motion, rig.pose(motion))
    flow = flow_to(face, moved)
    for landmark in (1, 4, 6, 36, 266, 151, 199):  # nose, beside it, forehead, chin
        x, y = np.rint(moved[landmark, :2]).astype(int)
        source = flow.places[:, y - flow.top, x - flow.left]
        assert source == pytest.approx(rig.rest[landmark, :2], abs=2), landmark


@pytest.mark.parametrize("shift", [(-2000, 0), (2000, 2000), (-150, 0), (0, 250)])
def test_a_face_that_leaves_the_picture_is_cut_off_at_its_edge(
    face: FaceMesh, rig: Rig, shift: tuple[int, int]
) -> None:
    moved: F32 = (rig.rest + np.array([*shift, 0])).astype(np.float32)
    flow = flow_to(face, moved)
    height, width = flow.covered.shape
    assert flow.places.shape == (2, height, width) and height >= 1 and width >= 1
    assert flow.left >= 0 and flow.top >= 0
    assert np.isfinite(flow.places).all()


@dataclass
class MissingPixels:
    """A painted mesh whose rasterizer misses some pixels."""

    whole: PlacedTriangles
    missed: tuple[np.ndarray, np.ndarray]

    def paint(self, *what: Any) -> F32:
        seen = self.whole.paint(*what)
        seen[self.missed] = 0
        return seen


def test_pixels_that_the_rasterizer_misses_come_from_between_their_neighbours(face: FaceMesh, rig: Rig) -> None:
    moved = face.moved(rig.rest, rig.rest_pose)
    whole = moved.flow(SIZE)
    x, y = np.rint(rig.rest[mesh.FOREHEAD, :2]).astype(int) - (whole.left, whole.top) + (0, 25)
    missed = (np.array([y, y, y + 4, y + 4, y + 4, y + 4]), np.array([x, x + 8, x, x + 1, x + 2, x + 3]))
    assert whole.covered[missed].all()
    stand_in: Any = MissingPixels(moved.placed, missed)
    mended = replace(moved, placed=stand_in).flow(SIZE)
    assert np.array_equal(mended.covered, whole.covered), "no hole, and nothing beyond the face's outline"
    assert mended.places[:, *missed] == pytest.approx(whole.places[:, *missed], abs=1)
    mended.places[:, *missed] = whole.places[:, *missed]
    assert np.array_equal(mended.places, whole.places), "nothing else changes"


def test_values_are_interpolated_within_triangles_and_unknown_outside() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1, (40, 2)).astype(np.float32)
    values = (places @ [[2, 1], [-1, 3]] + 5).astype(np.float32)
    triangles = np.concatenate([Delaunay(places).simplices, [[0, 0, 1]]]).astype(np.int32)
    inside = places[rng.integers(40, size=(30, 3))].mean(axis=1)
    at = np.concatenate([inside, places, [[2, 2], [-1, 0.5]]]).astype(np.float32)
    found = interpolated(places, values, triangles, at)
    assert found[:-2] == pytest.approx(at[:-2] @ [[2, 1], [-1, 3]] + 5, abs=1e-3)
    assert np.isnan(found[-2:]).all()
