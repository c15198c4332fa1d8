"""Backward flow inside the face: every pixel of the moved mesh finds its place in the photo."""

from __future__ import annotations

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
from avatar.generator.triangle_raster import TriangleRaster
from avatar.types import F32, U8, HeadPose

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
COARSER: Final = 2
"""Pixels of the picture per value of the flow where it is smooth."""
NEAR_FINE: Final = 0.5
"""How far around them, as a share of their width, triangles lie that a turned head may bring before them."""
FINE: Final = (
    (*mesh.RIGHT_EYE_OPENING, *mesh.RIGHT_LID_CREASE, *mesh.LEFT_EYE_OPENING, *mesh.LEFT_LID_CREASE),
    (*mesh.MOUTH_OPENING, *mesh.UPPER_OUTER_LIP, *mesh.LOWER_OUTER_LIP),
)
"""Landmarks of the parts whose flow has edges. Everywhere else it is smooth, and half the resolution does."""


@dataclass(frozen=True, slots=True)
class FaceFlow:
    """Where the pixels of a box of the picture come from."""

    left: int
    """In pixels of the flow, `step` of the picture's each."""
    top: int
    places: F32
    """(box height, box width, 2): (x, y) in the photo, valid where `covered`."""
    covered: U8
    """(box height, box width): 1 inside the moved face, 0 outside."""

    def box(self, step: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in the picture's pixels, `step` for each of the flow's."""
        height, width = self.covered.shape
        return self.left * step, self.top * step, (self.left + width) * step, (self.top + height) * step


class FaceMesh:
    """The face's triangles in the photo, ready to be matched with their moved selves."""

    def __init__(self, rest_landmarks: F32) -> None:
        """Take (478, 3) rest landmarks in pixels of the photo."""
        self._lashes = LashStrips(rest_landmarks)
        openings, lashes = _opening_triangles(), LashStrips.triangles()
        triangles = np.concatenate([openings, mesh.face_triangles(), lashes])
        layers = np.repeat([-1, 0, 1], [len(openings), len(triangles) - len(openings) - len(lashes), len(lashes)])
        self._whole = TriangleRaster(triangles, layers)
        corners = self._lashes.add(rest_landmarks)[triangles, :2]
        near = [_near(corners, rest_landmarks[list(part), :2]) for part in FINE]
        self._fine = tuple(TriangleRaster(triangles[some], layers[some]) for some in near)
        self._skin = CheekSkin(rest_landmarks)

    def moved(self, landmarks: F32, pose: HeadPose) -> MovedMesh:
        """Return the mesh at moved (478, 3) landmarks, in picture pixels, of a pose."""
        vertices = self._lashes.add(landmarks)
        if not np.abs(vertices).max() < FARTHEST_PX:
            vertices = np.clip(np.nan_to_num(vertices), -FARTHEST_PX, FARTHEST_PX)
        return MovedMesh(vertices, self._lashes.add_resting(self._skin.places(pose)), self._whole, self._fine)


@dataclass(frozen=True, slots=True)
class MovedMesh:
    """The face's triangles where one picture shows them."""

    vertices: F32
    """(492, 3), picture pixels: landmarks and lashes."""
    places: F32
    """(492, 2), where they are in the photo."""
    whole: TriangleRaster
    fine: tuple[TriangleRaster, ...]
    """What may be seen around each of `FINE`."""

    def flow(self, size: tuple[int, int], step: int = 1) -> FaceFlow:
        """Return the backward flow of the whole face within a picture of (width, height), every `step` pixels."""
        left, top, right, bottom = _box(self.vertices[:IRIS_START, :2], size, 2 * FINE_MARGIN)
        return self._painted(self.whole, (left // step * step, top // step * step, right, bottom), step)

    def fine_flows(self, size: tuple[int, int], step: int) -> Iterator[FaceFlow]:
        """Yield the full resolution flow around each of `FINE`; boxes begin and end at multiples of `step`."""
        for part, raster in zip(FINE, self.fine, strict=True):
            box = [side // step * step for side in _box(self.vertices[list(part), :2], size, FINE_MARGIN)]
            if box[2] > box[0] and box[3] > box[1]:
                yield self._painted(raster, (box[0], box[1], box[2], box[3]), 1)

    def _painted(self, raster: TriangleRaster, box: tuple[int, int, int, int], step: int) -> FaceFlow:
        seen = raster.paint(self.vertices, self.places, box, step)
        return FaceFlow(box[0] // step, box[1] // step, seen[..., :2], (seen[..., 2] > 0).view(np.uint8))


def flow_between(now: F32, before: F32, size: int) -> F32:
    """Return where each pixel of a face was a moment ago, (size, size, 2) pixels; outside the face nothing moves.

    `now` and `before` are (478, 3) landmarks in pixels of the same square.
    """
    raster = _plain_raster()
    seen = raster.paint(now, before[:, :2], (0, 0, size, size))
    still = np.stack(np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2), axis=-1)
    return np.where(seen[..., 2:] > 0, seen[..., :2], still)


def lay_face(around: F32, face: FaceFlow, unit_px: float) -> F32:
    """Lay the face's flow over a map (height, width, 2) of what is around it, in place.

    The seam is 0 at the face's outline and all mesh a band further in; `unit_px` is a head unit at rest in pixels of
    the map. Returns the face's share, 0..1, (height, width) of its box.
    """
    rows = slice(face.top, face.top + face.covered.shape[0])
    columns = slice(face.left, face.left + face.covered.shape[1])
    width = max(3, round(FEATHER * unit_px)) | 1
    # Erode, then blur by the same width.
    square = np.ones((width, width), np.uint8)
    inner = cv2.erode(face.covered * np.uint8(255), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    share = cv2.blur(inner, (width, width), borderType=cv2.BORDER_CONSTANT).astype(np.float32) * np.float32(1 / 255)
    view = around[rows, columns]
    view += share[..., None] * (face.places - view)
    return share


def lay_fine_parts(places: F32, origin: tuple[int, int], coarse: FaceFlow, share: F32, moved: MovedMesh) -> None:
    """Lay lids and lips at full resolution over a backward map (height, width, 2) that holds the face, in place.

    `origin` is the map's (left, top) in the picture, `coarse` the face's flow every `COARSER` pixels of that, and
    `share` what `lay_face` returned of it.
    """
    for fine in moved.fine_flows((origin[0] + places.shape[1], origin[1] + places.shape[0]), COARSER):
        height, width = fine.covered.shape
        left, top = fine.left // COARSER - coarse.left, fine.top // COARSER - coarse.top
        of_part = share[top : top + height // COARSER, left : left + width // COARSER]
        left, top = fine.left - origin[0], fine.top - origin[1]
        view = places[top : top + height, left : left + width]
        if of_part.min() == 1 and fine.covered.all():
            view[:] = fine.places
        else:
            weight = cv2.resize(of_part, (width, height), interpolation=cv2.INTER_LINEAR) * fine.covered
            view += weight[..., None] * (fine.places - view)


def _near(corners: F32, part: F32) -> NDArray[np.bool_]:
    """Return which triangles (n, 3, 2) lie on a resting part (k, 2) of the face or may come to lie over it."""
    low, high = part.min(axis=0), part.max(axis=0)
    reach = NEAR_FINE * (high - low).max()
    return np.asarray(((corners.max(axis=1) > low - reach) & (corners.min(axis=1) < high + reach)).all(axis=1))


def _box(points: F32, size: tuple[int, int], margin: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom around (n, 2) points, at least a pixel, within (width, height)."""
    low = np.clip(np.floor(points.min(axis=0)) - margin, 0, np.subtract(size, 1))
    high = np.clip(np.ceil(points.max(axis=0)) + margin + 1, low + 1, size)
    left, top, right, bottom = map(int, (*low, *high))
    return left, top, right, bottom


class CheekSkin:
    """Where each landmark's skin is looked up in the photo.

    A face's rim is a sliver at its silhouette, mixed with hair, ear and background, and more so on the far side of a
    head that is turned. When a moving head brings that rim to the front, the sliver would be stretched wide. Then the
    rim's skin is taken from further in, where the photo shows the cheek. At rest nothing is changed.
    """

    def __init__(self, rest_landmarks: F32) -> None:
        """Take the (478, 3) resting landmarks in pixels."""
        self._rest = np.array(rest_landmarks[:, :2], np.float32)
        self._pose = fit_pose(rest_landmarks)
        yaw_deg = float(np.degrees(rotation_vector(self._pose.rotation)[1]))
        frontal = to_head_frame(rest_landmarks, self._pose)[:, :2]
        triangles = Delaunay(frontal[:IRIS_START]).simplices
        # A head turned to the picture's left (positive yaw) hides its left rim, where x is negative.
        self._left = self._pull(frontal, triangles, -1, hidden_deg=yaw_deg)
        self._right = self._pull(frontal, triangles, 1, hidden_deg=-yaw_deg)

    def places(self, pose: HeadPose) -> F32:
        """Return (478, 2) photo pixels for a moved head's pose."""
        turn = pose.rotation @ self._pose.rotation.T
        turned = float(np.degrees(rotation_vector(turn)[1])) / UNCOVERED_DEG
        share = np.float32(min(abs(turned), 1.0))
        return np.asarray(self._rest + share * (self._right if turned > 0 else self._left), np.float32)

    def _pull(self, frontal: F32, triangles: NDArray[np.int32], side: int, hidden_deg: float) -> F32:
        """Return the (478, 2) shifts of one side's look-ups once that side is fully uncovered."""
        hidden = float(np.clip(hidden_deg / HIDDEN_DEG, 0, 1))
        strength = RIM_PULL * (SEEN_SHARE + (1 - SEEN_SHARE) * hidden)
        outwards = side * frontal[:, 0] - RIM
        rim = np.flatnonzero(outwards > 0)
        inner = frontal[rim]
        inner[:, 0] -= side * outwards[rim] * strength
        shift = np.zeros_like(self._rest)
        shift[rim] = interpolated(frontal, self._rest, triangles, inner) - self._rest[rim]
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
