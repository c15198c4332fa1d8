"""Backward flow inside the face: every pixel of the moved mesh finds its place in the photo."""

from __future__ import annotations

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
from avatar.types import F32, U8

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
SUBPIXEL_BITS: Final = 4
"""Vertices are painted at 1/16 pixel."""


@dataclass(frozen=True, slots=True)
class FaceFlow:
    """Where the pixels of a box of the picture come from."""

    left: int
    top: int
    map_x: F32
    """(box height, box width): x in the photo, valid where `covered`."""
    map_y: F32
    covered: U8
    """(box height, box width): 255 inside the moved face, 0 outside."""


class FaceMesh:
    """The face's triangles in the photo, ready to be matched with their moved selves."""

    def __init__(self, rest_landmarks: F32, picture_size: tuple[int, int]) -> None:
        """Take (478, 3) rest landmarks in picture pixels and the picture's (width, height)."""
        self._lashes = LashStrips(rest_landmarks)
        openings, lashes = _opening_triangles(), LashStrips.triangles()
        self._triangles = np.concatenate([openings, mesh.face_triangles(), lashes])
        self._beneath, self._on_top = len(openings), len(lashes)
        self._size = picture_size
        self._skin = CheekSkin(rest_landmarks)
        self._rest_depth = rest_landmarks[:, 2:]

    def flow(self, landmarks: F32) -> FaceFlow:
        """Return the backward flow for moved (478, 3) landmarks in picture pixels."""
        width, height = self._size
        low = np.floor(landmarks[:468, :2].min(axis=0)).astype(int) - 1
        high = np.ceil(landmarks[:468, :2].max(axis=0)).astype(int) + 2
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = max(left + 1, min(width, int(high[0]))), max(top + 1, min(height, int(high[1])))

        corners = self._lashes.add(landmarks)[self._triangles]
        places = self._lashes.add(np.hstack([self._skin.places(landmarks), self._rest_depth]))[self._triangles]
        ids = _draw_triangles(corners, (left, top, right, bottom), self._beneath, self._on_top)
        map_x, map_y = _look_up(ids, _affine(corners[:, :, :2], places[:, :, :2]), left, top)
        covered = np.where(ids < len(self._triangles), np.uint8(255), np.uint8(0))
        return FaceFlow(left, top, map_x, map_y, covered)


def flow_between(now: F32, before: F32, size: int) -> F32:
    """Return where each pixel of a face was a moment ago, (size, size, 2) pixels; outside the face nothing moves.

    `now` and `before` are (478, 3) landmarks in pixels of the same square.
    """
    openings = _opening_triangles()
    triangles = np.concatenate([openings, mesh.face_triangles()])
    corners = now[triangles]
    ids = _draw_triangles(corners, (0, 0, size, size), len(openings), 0)
    to_before = _affine(corners[:, :, :2], before[triangles][:, :, :2])
    places = np.stack(_look_up(ids, to_before, 0, 0), axis=-1)
    still = np.stack(np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2), axis=-1)
    return np.where((ids < len(triangles))[..., None], places, still)


def _draw_triangles(corners: F32, box: tuple[int, int, int, int], beneath: int, on_top: int) -> NDArray[np.int32]:
    """Paint triangle numbers into a box, far triangles first; the number of triangles stands where there is none.

    The first `beneath` triangles lie beneath all others, the last `on_top` above them. Triangles that face away are
    painted too: they lie behind their neighbours, and where the estimated depth folds a nostril the wrong way they keep
    it from becoming a hole.

    Args:
        corners: (n, 3, 3), pixels.
        box: left, top, right, bottom.
    """
    left, top, right, bottom = box
    ids = np.full((bottom - top, right - left), len(corners), np.int32)
    scale = 1 << SUBPIXEL_BITS
    points = np.rint((corners[:, :, :2] - (left, top)) * scale).astype(np.int32)
    depth = corners[:, :, 2].mean(axis=1)
    depth[:beneath] += 1e6
    depth[len(corners) - on_top :] -= 1e6
    paint = cv2.fillConvexPoly  # bound once: this loop is the hot path
    for number in np.argsort(-depth, kind="stable").tolist():
        paint(ids, points[number], number, cv2.LINE_8, SUBPIXEL_BITS)
    return ids


def _look_up(ids: NDArray[np.int32], to_place: F32, left: int, top: int) -> tuple[F32, F32]:
    """Return the maps (x, y) of a box painted with triangle numbers, from each triangle's affine map (n, 6)."""
    # One look-up table per coefficient; the last row answers pixels no triangle covers.
    table = np.concatenate([to_place, np.zeros((1, 6), np.float32)]).T.copy()
    x = np.arange(left, left + ids.shape[1], dtype=np.float32)[None, :]
    y = np.arange(top, top + ids.shape[0], dtype=np.float32)[:, None]
    return (
        table[0].take(ids) * x + table[1].take(ids) * y + table[2].take(ids),
        table[3].take(ids) * x + table[4].take(ids) * y + table[5].take(ids),
    )


def lay_face(map_x: F32, map_y: F32, face: FaceFlow, unit_px: float) -> None:
    """Lay the face's flow over the maps (height, width) of what is around it, in place.

    The seam is 0 at the face's outline and all mesh a band further in; `unit_px` is a head unit at rest.
    """
    rows = slice(face.top, face.top + face.covered.shape[0])
    columns = slice(face.left, face.left + face.covered.shape[1])
    width = max(3, round(FEATHER * unit_px)) | 1
    # Erode, then blur by the same width.
    square = np.ones((width, width), np.uint8)
    inner = cv2.erode(face.covered, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    share = cv2.blur(inner, (width, width), borderType=cv2.BORDER_CONSTANT).astype(np.float32) / 255
    for whole, part in ((map_x, face.map_x), (map_y, face.map_y)):
        view = whole[rows, columns]
        view += share * (part - view)


def _affine(corners: F32, places: F32) -> F32:
    """Return each triangle's picture-to-photo map, (n, 6): x from (x, y, 1), then y.

    Args:
        corners: (n, 3, 2), where the triangles are in the picture.
        places: (n, 3, 2), where they are in the photo.
    """
    origin = corners[:, 0]
    edges = np.stack([corners[:, 1] - origin, corners[:, 2] - origin], axis=2)
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    safe = np.where(np.abs(area) > 1e-3, area, 1.0)
    inverse = np.empty_like(edges)
    inverse[:, 0, 0], inverse[:, 1, 1] = edges[:, 1, 1] / safe, edges[:, 0, 0] / safe
    inverse[:, 0, 1], inverse[:, 1, 0] = -edges[:, 0, 1] / safe, -edges[:, 1, 0] / safe
    linear = np.stack([places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]], axis=2) @ inverse
    shift = places[:, 0] - np.einsum("nij,nj->ni", linear, origin)
    return np.concatenate([linear, shift[:, :, None]], axis=2).reshape(-1, 6).astype(np.float32)


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

    def places(self, landmarks: F32) -> F32:
        """Return (478, 2) photo pixels for moved landmarks (478, 3)."""
        turn = fit_pose(landmarks).rotation @ self._pose.rotation.T
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
