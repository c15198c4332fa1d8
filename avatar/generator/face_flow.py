"""Backward flow inside the face: every pixel of the moved mesh finds its place in the photo."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from avatar.face import mesh
from avatar.face.pose import fit_pose, rotation_vector, to_head_frame
from avatar.generator.lashes import LashStrips
from avatar.generator.triangle_raster import Box, PlacedTriangles, TriangleRaster
from avatar.types import F32, HeadPose

FEATHER: Final = 0.05
"""Width, in head units, of the band inside the face's outline where mesh flow and shell flow are blended."""
RIM: Final = 0.52
"""Where a face's rim begins, in head units from its middle; it ends at about 0.8."""
RIM_PULL: Final = 0.6
"""How much nearer to there the skin of a hidden rim is taken from."""
SEEN_SHARE: Final = 0.4
"""Share of that for a rim the photo shows as well as the other."""
HIDDEN_DEG: Final = 14.0
"""Turn of the photo at which its far rim counts as hidden."""
UNCOVERED_DEG: Final = 10.0
"""Turn of the moving head at which a rim is fully brought to the front."""
IRIS_START: Final = 468
ON_EDGE: Final = 1e-4
"""A place so little outside a triangle, as a share of it, lies on its edge."""
FINE_MARGIN: Final = 2
"""Pixels around lids and lips that are painted at full resolution with them."""
FARTHEST_PX: Final = 1e5
"""Where vertices are held that a strange face would put further away, or nowhere."""
COARSER: Final = 4
"""Pixels of the picture per value of the flow where it is smooth."""
NEAR_FINE: Final = 0.25
"""How far around them, in head units, triangles lie that a turned head may bring before them."""
FINE: Final = (
    (*mesh.RIGHT_EYE_OPENING, *mesh.RIGHT_LID_CREASE, *mesh.LEFT_EYE_OPENING, *mesh.LEFT_LID_CREASE),
    (*mesh.MOUTH_OPENING, *mesh.UPPER_OUTER_LIP, *mesh.LOWER_OUTER_LIP),
)
"""Landmarks of the parts whose flow has edges. Everywhere else it is smooth, and a quarter of the resolution does."""
GAP: Final = 0.6
"""Share of the nine pixels around one that the face covers where it has a gap: in the gap one pixel wide six of them at
least, in a corner of its outline at most five."""


@dataclass(frozen=True, slots=True)
class FaceFlow:
    """Where the pixels of a box of the picture come from."""

    left: int
    """In pixels of the flow, `step` of the picture's each."""
    top: int
    places: F32
    """(2, box height, box width): x and y in the photo, valid where `covered`."""
    covered: F32
    """(box height, box width): 1 inside the moved face, 0 outside."""

    def box(self, step: int) -> Box:
        """Return left, top, right and bottom in the picture's pixels, `step` for each of the flow's."""
        height, width = self.covered.shape
        return self.left * step, self.top * step, (self.left + width) * step, (self.top + height) * step


_FINE: Final = tuple(np.array(part) for part in FINE)


class FaceMesh:
    """The face's triangles in the photo, ready to be matched with their moved selves."""

    def __init__(self, rest_landmarks: F32) -> None:
        """Take (478, 3) rest landmarks in pixels of the photo."""
        self._lashes = LashStrips(rest_landmarks)
        self._skin = CheekSkin(rest_landmarks)
        openings, skin, lids = _opening_triangles(), mesh.face_triangles(), LashStrips.triangles()
        triangles = np.concatenate([openings, skin, lids])
        layer = np.repeat([-1, 0, 1], [len(openings), len(skin), len(lids)])
        self._raster = TriangleRaster(triangles, layer)
        # The lids are there twice: as a strip of lashes and skin, and as the mesh has them.
        plain_lids = np.asarray(np.isin(triangles, list(LashStrips.covered())).all(axis=1) & (layer == 0))
        self._coarse, self._whole = self._raster.chosen(layer < 1), self._raster.chosen(~plain_lids)
        self._carried = self._raster.carried(self._lashes.add_resting(self._skin.rest))
        self._carried_on = tuple(
            self._raster.carried(self._lashes.add_resting(self._skin.rest + shift)) - self._carried
            for shift in (self._skin.left, self._skin.right)
        )
        corners = self._lashes.add(rest_landmarks)[triangles, :2]
        reach = NEAR_FINE * fit_pose(rest_landmarks).scale
        self._fine = tuple(
            self._raster.chosen(~plain_lids & _near(corners, rest_landmarks[part, :2], reach)) for part in _FINE
        )

    def moved(self, landmarks: F32, pose: HeadPose) -> MovedMesh:
        """Return the mesh at moved (478, 3) landmarks, in picture pixels, of a pose."""
        vertices = self._lashes.add(landmarks)
        if not np.abs(vertices).max() < FARTHEST_PX:
            vertices = np.clip(np.nan_to_num(vertices), -FARTHEST_PX, FARTHEST_PX)
        turned = self._skin.turned(pose)
        carried = self._carried + np.float32(abs(turned)) * self._carried_on[turned > 0]
        return MovedMesh(vertices, self._raster.place(vertices, carried), self._whole, self._coarse, self._fine)


@dataclass(frozen=True, slots=True)
class MovedMesh:
    """The face's triangles where one picture shows them."""

    vertices: F32
    """(492, 3), picture pixels: landmarks and lashes."""
    placed: PlacedTriangles
    """With where they are in the photo."""
    whole: NDArray[np.int32]
    """All triangles that can be seen."""
    coarse: NDArray[np.int32]
    """The mesh without its lashes: as much, but for what `fine` shows."""
    fine: tuple[NDArray[np.int32], ...]
    """What may be seen around each of `FINE`."""

    def flow(self, size: tuple[int, int]) -> FaceFlow:
        """Return the backward flow of the whole face within a picture of (width, height)."""
        return self._painted(self.whole, _box(self.vertices[:IRIS_START, :2].copy(), size, 2 * FINE_MARGIN))

    def coarse_flow(self, size: tuple[int, int], grid: int) -> FaceFlow:
        """Return the face's flow every `COARSER` pixels of a picture of (width, height), without lashes.

        Its box begins and ends at multiples of `grid` pixels; so does the picture.
        """
        left, top, right, bottom = _box(self.vertices[:IRIS_START, :2].copy(), size, 2 * FINE_MARGIN)
        box = (left // grid * grid, top // grid * grid, -(-right // grid) * grid, -(-bottom // grid) * grid)
        return self._painted(self.coarse, box, COARSER)

    def fine_flows(self, within: Box, grid: int) -> Iterator[FaceFlow]:
        """Yield the full resolution flow around each of `FINE`; boxes begin and end at multiples of `grid`."""
        for part, triangles in zip(_FINE, self.fine, strict=True):
            left, top, right, bottom = _box(self.vertices[part, :2], within[2:], FINE_MARGIN)
            box = [side // grid * grid for side in (max(left, within[0]), max(top, within[1]), right, bottom)]
            if box[2] > box[0] and box[3] > box[1]:
                yield self._painted(triangles, (box[0], box[1], box[2], box[3]))

    def _painted(self, triangles: NDArray[np.int32], box: Box, step: int = 1) -> FaceFlow:
        seen = self.placed.paint(box, step, triangles)
        painted = np.empty((3, *seen.shape[:2]), np.float32)
        for number, plane in enumerate(painted):
            cv2.extractChannel(seen, number, plane)
        places, covered = painted[:2], painted[2]
        # The rasterizer misses a pixel now and then that lies on an edge exactly: what lies around it is shown there.
        missed = np.asarray(cv2.blur(covered, (3, 3)), np.float32) - covered > GAP
        if missed.any():
            beside = np.asarray(cv2.blur(seen, (3, 3)), np.float32)[missed]
            places[:, missed] = (beside[:, :2] / beside[:, 2:]).T
            covered[missed] = 1
        return FaceFlow(box[0] // step, box[1] // step, places, covered)


def flow_between(now: F32, before: F32, size: int) -> F32:
    """Return where each pixel of a face was a moment ago, (2, size, size) pixels; outside the face nothing moves.

    `now` and `before` are (478, 3) landmarks in pixels of the same square.
    """
    raster = _plain_raster()
    seen = raster.place(now, raster.carried(before[:, :2])).paint((0, 0, size, size))
    x, y, covered = cv2.split(seen)
    still = np.arange(size, dtype=np.float32)
    return np.stack([np.where(covered > 0, x, still), np.where(covered > 0, y, still[:, None])])


def lay_face(around: F32, face: FaceFlow, unit_px: float) -> None:
    """Lay the face's flow over a map (2, height, width) of what is around it, in place; see `lay_in_box`."""
    left, top, right, bottom = face.box(1)
    lay_in_box(around[:, top:bottom, left:right], face, unit_px)


def lay_in_box(around: F32, face: FaceFlow, unit_px: float) -> F32:
    """Lay the face's flow over a map of what is around it in the flow's own box (2, height, width), in place.

    The seam is 0 at the face's outline and all mesh a band further in; `unit_px` is a head unit at rest in pixels of
    the map. Returns the face's share, (height, width), 0..1.
    """
    # Of a square around the outline half is face, of one around a pixel the band's width further in all of it.
    width = max(3, round(2 * FEATHER * unit_px)) | 1
    within = np.asarray(cv2.blur(face.covered, (width, width), borderType=cv2.BORDER_CONSTANT), np.float32)
    share = np.maximum(2 * within - 1, 0) * face.covered
    _blend(face.places, around, share)
    return share


def lay_fine_parts(places: F32, coarse: FaceFlow, share: F32, moved: MovedMesh) -> None:
    """Lay lids and lips at full resolution over the backward map of the face's box (2, height, width), in place.

    `coarse` is the face's flow every `COARSER` pixels of it, and `share` what `lay_in_box` returned.
    """
    left, top, right, bottom = coarse.box(COARSER)
    for fine in moved.fine_flows((left, top, right, bottom), COARSER):
        x, y, x_end, y_end = fine.box(1)
        of_part = share[
            (y - top) // COARSER : (y_end - top) // COARSER, (x - left) // COARSER : (x_end - left) // COARSER
        ]
        weight = cv2.resize(of_part, (x_end - x, y_end - y), interpolation=cv2.INTER_LINEAR) * fine.covered
        _blend(fine.places, places[:, y - top : y_end - top, x - left : x_end - left], weight)


def _blend(over: F32, below: F32, share: F32) -> None:
    """Lay a share (height, width) of one map (2, height, width) over another, in place."""
    rest = 1 - share
    for plane, under in zip(over, below, strict=True):
        cv2.blendLinear(plane, under, share, rest, dst=under)


def _near(corners: F32, part: F32, reach: float) -> NDArray[np.bool_]:
    """Return which triangles (n, 3, 2) lie within `reach` of the box around a part (k, 2) of the face."""
    low, high = part.min(axis=0), part.max(axis=0)
    return np.asarray(((corners.max(axis=1) > low - reach) & (corners.min(axis=1) < high + reach)).all(axis=1))


def _box(points: F32, size: tuple[int, int], margin: int) -> Box:
    """Return left, top, right and bottom around (n, 2) points, at least a pixel, within (width, height)."""
    x, y, width, height = cv2.boundingRect(points)
    left, top = min(max(x - margin, 0), size[0] - 1), min(max(y - margin, 0), size[1] - 1)
    right, bottom = x + width + margin + 1, y + height + margin + 1
    return left, top, min(max(right, left + 1), size[0]), min(max(bottom, top + 1), size[1])


class CheekSkin:
    """Where each landmark's skin is looked up in the photo, (478, 2) pixels: at `rest`, shifted as far as a rim shows.

    A face's rim is a sliver at its silhouette, mixed with hair, ear and background, and more so on the far side of a
    head that is turned. When a moving head brings that rim to the front, the sliver would be stretched wide. Then the
    rim's skin is taken from further in, where the photo shows the cheek. At rest nothing is changed.
    """

    def __init__(self, rest_landmarks: F32) -> None:
        """Take the (478, 3) resting landmarks in pixels."""
        self.rest = np.array(rest_landmarks[:, :2], np.float32)
        self._pose = fit_pose(rest_landmarks)
        yaw_deg = float(np.degrees(rotation_vector(self._pose.rotation)[1]))
        frontal = to_head_frame(rest_landmarks, self._pose)[:, :2]
        triangles = Delaunay(frontal[:IRIS_START]).simplices
        # A head turned to the picture's left (positive yaw) hides its left rim, where x is negative.
        self.left = self._pull(frontal, triangles, -1, hidden_deg=yaw_deg)
        self.right = self._pull(frontal, triangles, 1, hidden_deg=-yaw_deg)

    def turned(self, pose: HeadPose) -> float:
        """Return how far a pose has brought the `left` (-1) or the `right` rim (1) to the front."""
        turn = pose.rotation @ self._pose.rotation.T
        return min(max(math.degrees(rotation_vector(turn)[1]) / UNCOVERED_DEG, -1.0), 1.0)

    def _pull(self, frontal: F32, triangles: NDArray[np.int32], side: int, hidden_deg: float) -> F32:
        """Return the (478, 2) shifts of one side's look-ups once that side is fully uncovered."""
        hidden = float(np.clip(hidden_deg / HIDDEN_DEG, 0, 1))
        strength = RIM_PULL * (SEEN_SHARE + (1 - SEEN_SHARE) * hidden)
        outwards = side * frontal[:, 0] - RIM
        rim = np.flatnonzero(outwards > 0)
        inner = frontal[rim]
        inner[:, 0] -= side * outwards[rim] * strength
        shift = np.zeros_like(self.rest)
        shift[rim] = interpolated(frontal, self.rest, triangles, inner) - self.rest[rim]
        return np.where(np.isfinite(shift), shift, 0).astype(np.float32)


def interpolated(places: F32, values: F32, triangles: NDArray[np.int32], at: F32) -> F32:
    """Return (k, 2) values at (k, 2) places, linear within (t, 3) triangles of (n, 2) known ones; NaN outside of them.

    As scipy's LinearNDInterpolator, but that asks LAPACK once for every triangle, and on a busy machine OpenBLAS's
    threads then wait for each other for seconds.
    """
    a, b, c = (places[triangles[:, corner]] for corner in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    px, py = at[:, :1] - a[:, 0], at[:, 1:] - a[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):  # triangles without an area hold nothing
        along_u, along_v = np.array([px * vy - py * vx, ux * py - uy * px]) / (ux * vy - uy * vx)
    depth = np.nan_to_num(np.minimum(np.minimum(along_u, along_v), 1 - along_u - along_v), nan=-np.inf)
    each, within = np.arange(len(at)), depth.argmax(axis=1)
    u, v = along_u[each, within, None], along_v[each, within, None]
    first, second, third = (values[triangles[within, corner]] for corner in range(3))
    found = first + u * (second - first) + v * (third - first)
    return np.where(depth[each, within, None] >= -ON_EDGE, found, np.nan).astype(np.float32)


@cache
def _opening_triangles() -> NDArray[np.int32]:
    """Return triangles that span the eye and mouth openings, so that no pixel there is left without a source."""
    strips = (
        (mesh.MOUTH_CORNERS, mesh.UPPER_INNER_LIP, mesh.LOWER_INNER_LIP),
        (mesh.RIGHT_EYE_CORNERS, mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID),
        (mesh.LEFT_EYE_CORNERS, mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID),
    )
    triangles = []
    for (start, end), upper, lower in strips:
        above, below = (start, *upper, end), (start, *lower, end)
        for i in range(len(above) - 1):
            triangles += [(above[i], above[i + 1], below[i]), (above[i + 1], below[i + 1], below[i])]
    return np.array([triangle for triangle in triangles if len(set(triangle)) == 3], np.int32)


@cache
def _plain_raster() -> TriangleRaster:
    """Return the raster of the face without its lashes."""
    openings = _opening_triangles()
    triangles = np.concatenate([openings, mesh.face_triangles()])
    return TriangleRaster(triangles, np.repeat([-1, 0], [len(openings), len(triangles) - len(openings)]))
