"""Backward flow inside the face: every pixel of the moved mesh finds its place in the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from avatar import face_mesh as mesh
from avatar.generator.lashes import LashStrips
from avatar.perception.pose import fit_pose, rotation_vector, to_head_frame
from avatar.types import F32, U8

HIDING: Final = (3.0, 14.0)
"""Degrees of a photo's turn from which, and at which fully, the far rim's skin is taken from further in."""
RIM: Final = 0.4
"""Where that begins, in head units from the middle of the face; the rim lies at about 0.8."""
RIM_PULL: Final = 0.6
"""How much nearer to there the rim's skin is taken from."""
IRIS_START: Final = 468
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
        places = self._lashes.add(np.column_stack([skin_places(rest_landmarks), rest_landmarks[:, 2]]))
        corners = places[self._triangles][:, :, :2]
        self._rest_origin = corners[:, 0]
        self._rest_edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2)

    def flow(self, landmarks: F32) -> FaceFlow:
        """Return the backward flow for moved (478, 3) landmarks in picture pixels."""
        width, height = self._size
        low = np.floor(landmarks[:468, :2].min(axis=0)).astype(int) - 1
        high = np.ceil(landmarks[:468, :2].max(axis=0)).astype(int) + 2
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = max(left + 1, min(width, int(high[0]))), max(top + 1, min(height, int(high[1])))

        corners = self._lashes.add(landmarks)[self._triangles]
        to_photo = self._affine(corners[:, :, :2])
        ids = self._paint(corners, (left, top, right, bottom))

        # One look-up table per coefficient; the last row answers pixels no triangle covers.
        table = np.concatenate([to_photo, np.zeros((1, 6), np.float32)]).T.copy()
        x = np.arange(left, right, dtype=np.float32)[None, :]
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        map_x = table[0].take(ids) * x + table[1].take(ids) * y + table[2].take(ids)
        map_y = table[3].take(ids) * x + table[4].take(ids) * y + table[5].take(ids)
        covered = np.where(ids < len(self._triangles), np.uint8(255), np.uint8(0))
        return FaceFlow(left, top, map_x, map_y, covered)

    def _affine(self, corners: F32) -> F32:
        """Return each triangle's picture-to-photo map, (n, 6): x from (x, y, 1), then y."""
        origin = corners[:, 0]
        edges = np.stack([corners[:, 1] - origin, corners[:, 2] - origin], axis=2)
        area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
        safe = np.where(np.abs(area) > 1e-3, area, 1.0)
        inverse = np.empty_like(edges)
        inverse[:, 0, 0], inverse[:, 1, 1] = edges[:, 1, 1] / safe, edges[:, 0, 0] / safe
        inverse[:, 0, 1], inverse[:, 1, 0] = -edges[:, 0, 1] / safe, -edges[:, 1, 0] / safe
        linear = self._rest_edges @ inverse
        shift = self._rest_origin - np.einsum("nij,nj->ni", linear, origin)
        return np.concatenate([linear, shift[:, :, None]], axis=2).reshape(-1, 6).astype(np.float32)

    def _paint(self, corners: F32, box: tuple[int, int, int, int]) -> np.ndarray:
        """Paint triangle numbers into the box, far triangles first, openings beneath everything, lids on top.

        Triangles that face away are painted too: they lie behind their neighbours, and where the estimated depth
        folds a nostril the wrong way they keep it from becoming a hole.
        """
        left, top, right, bottom = box
        ids = np.full((bottom - top, right - left), len(self._triangles), np.int32)
        scale = 1 << SUBPIXEL_BITS
        points = np.rint((corners[:, :, :2] - (left, top)) * scale).astype(np.int32)
        depth = corners[:, :, 2].mean(axis=1)
        depth[: self._beneath] += 1e6
        depth[-self._on_top :] -= 1e6
        paint = cv2.fillConvexPoly  # bound once: this loop is the hot path
        for number in np.argsort(-depth, kind="stable").tolist():
            paint(ids, points[number], number, cv2.LINE_8, SUBPIXEL_BITS)
        return ids


def skin_places(rest_landmarks: F32) -> F32:
    """Return where each landmark's skin is looked up in the photo, (478, 2) pixels.

    On a head that is turned, the far cheek's rim is a sliver at the silhouette, mixed with hair, ear and background.
    When the head turns back, that sliver would be stretched wide. There the rim's skin is taken from further in, where
    the photo shows the cheek.
    """
    places = np.array(rest_landmarks[:, :2], np.float32)
    pose = fit_pose(rest_landmarks)
    yaw_deg = float(np.degrees(rotation_vector(pose.rotation)[1]))
    hidden = float(np.clip((abs(yaw_deg) - HIDING[0]) / (HIDING[1] - HIDING[0]), 0, 1))
    if hidden == 0:
        return places
    frontal = to_head_frame(rest_landmarks, pose)[:, :2]
    # A head turned to the picture's left (positive yaw) hides its left rim, where x is negative.
    outwards = -np.sign(yaw_deg) * frontal[:, 0]
    rim = outwards > RIM
    inner = frontal[rim].copy()
    inner[:, 0] -= -np.sign(yaw_deg) * (outwards[rim] - RIM) * RIM_PULL * hidden
    in_photo = LinearNDInterpolator(frontal[:IRIS_START], places[:IRIS_START])(inner)
    places[rim] = np.where(np.isfinite(in_photo), in_photo, places[rim])
    return places


def _opening_triangles() -> np.ndarray:
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
