"""Backward flow inside the face: every pixel of the moved mesh finds its place in the photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.face.pose import fit_pose, mean_head
from avatar.generator.cheek_skin import CheekSkin
from avatar.generator.lashes import LashStrips
from avatar.generator.shut_lids import ShutLids
from avatar.generator.triangle_raster import Box, PlacedTriangles, TriangleRaster
from avatar.types import F32, U8, HeadPose

FINE_MARGIN: Final = 2
"""Pixels around lids and lips that are painted at full resolution with them."""
SHUT_MARGIN: Final = 6
"""The same where lids meet: places on either side are far apart, and the coarse flow has the eye between them."""
FARTHEST_PX: Final = 1e5
"""Where vertices are held that a strange face would put further away, or nowhere."""
HALVINGS: Final = 2
"""So many times a picture is halved for one with a pixel for each value of the flow where it is smooth."""
COARSER: Final = 2**HALVINGS
"""Pixels of the picture per value of the flow there."""
RINGS: Final = 4
"""Lines of landmarks, from the outline on inwards, that a turned head may have as its outline."""
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
    share: F32 | None = None
    """(box height, box width): the face's share of each pixel, 0..1, where it is known more finely than `covered`."""

    def box(self, step: int) -> Box:
        """Return left, top, right and bottom in the picture's pixels, `step` for each of the flow's."""
        height, width = self.covered.shape
        return self.left * step, self.top * step, (self.left + width) * step, (self.top + height) * step


_MOUTH: Final = 1
"""Which of `FINE` the mouth is."""
_FINE: Final = tuple(np.array(part) for part in FINE)
_AROUND: Final = np.ones((3, 3), np.uint8)


class FaceMesh:
    """The face's triangles in the photo, ready to be matched with their moved selves."""

    def __init__(self, rest_landmarks: F32, stiff: F32 | None = None) -> None:
        """Take (478, 3) rest landmarks in pixels of the photo, and what of them glasses hold stiff (`Rig.stiff`)."""
        self._lashes = LashStrips(rest_landmarks)
        self._skin = CheekSkin(rest_landmarks, stiff)
        self._lids = ShutLids(rest_landmarks)
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
        self._carried_shut = tuple(
            self._raster.carried(
                self._lashes.add_resting(self._skin.rest + skin), self._lashes.add_resting(self._skin.rest + between)
            )
            - self._carried
            for skin, between in zip(self._lids.skin, self._lids.between, strict=True)
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
        lids_met = self._lids.met(vertices)
        for met, shut in zip(lids_met, self._carried_shut, strict=True):
            if met > 0:
                carried += np.float32(met) * shut
        placed = self._raster.place(vertices, carried)
        return MovedMesh(vertices, placed, self._whole, self._coarse, self._fine, lids_met)


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
    lids_met: tuple[float, float]
    """How far the right and the left eye's have met, 0..1: `ShutLids`."""

    def flow(self, size: tuple[int, int]) -> FaceFlow:
        """Return the backward flow of the whole face within a picture of (width, height)."""
        return self._painted(self.whole, _box(self.vertices[: mesh.RIGHT_IRIS[0], :2].copy(), size, 2 * FINE_MARGIN))

    def coarse_flow(self, size: tuple[int, int], grid: int) -> FaceFlow:
        """Return the face's flow every `COARSER` pixels of a picture of (width, height), without lashes.

        Its box begins and ends at multiples of `grid` pixels; so does the picture.
        """
        left, top, right, bottom = _box(self.vertices[: mesh.RIGHT_IRIS[0], :2].copy(), size, 2 * FINE_MARGIN)
        box = (left // grid * grid, top // grid * grid, -(-right // grid) * grid, -(-bottom // grid) * grid)
        flow = self._painted(self.coarse, box, COARSER)
        share = np.maximum(self._outlined(box), cv2.erode(flow.covered, _AROUND))
        return FaceFlow(flow.left, flow.top, flow.places, flow.covered, share)

    def _outlined(self, box: Box) -> F32:
        """Return what share of each `COARSER` pixels of a box lies inside the face, (height, width), 0..1.

        Pixels so wide are covered or not: by themselves they would make the face's outline a stair.
        """
        left, top, right, bottom = box
        inside: U8 = np.zeros((bottom - top, right - left), np.uint8)
        rings, each = _rings()
        # In sixteenths of a pixel.
        at = np.rint((self.vertices[rings, :2] - np.array([left, top], np.float32)) * 16).astype(np.int32)
        for ring in each:
            cv2.fillPoly(inside, [at[ring]], 255, cv2.LINE_8, 4)
        # Halved twice, which OpenCV does in a third of the time of a quarter at once.
        for _ in range(HALVINGS):
            inside = np.asarray(cv2.resize(inside, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        return np.asarray(inside * np.float32(1 / 255), np.float32)

    def fine_flows(self, within: Box, grid: int) -> Iterator[FaceFlow]:
        """Yield the full resolution flow around each of `FINE`; boxes begin and end at multiples of `grid`."""
        margin = SHUT_MARGIN if max(self.lids_met) > 0 else FINE_MARGIN
        for part, triangles in zip(_FINE, self.fine, strict=True):
            left, top, right, bottom = _box(self.vertices[part, :2], within[2:], margin)
            box = [side // grid * grid for side in (max(left, within[0]), max(top, within[1]), right, bottom)]
            if box[2] > box[0] and box[3] > box[1]:
                yield self._painted(triangles, (box[0], box[1], box[2], box[3]))

    def mouth_flow(self, size: tuple[int, int]) -> FaceFlow:
        """Return the full resolution flow around the lips within a picture of (width, height)."""
        return self._painted(self.fine[_MOUTH], _box(self.vertices[_FINE[_MOUTH], :2], size, FINE_MARGIN))

    def _painted(self, triangles: NDArray[np.int32], box: Box, step: int = 1) -> FaceFlow:
        seen = self.placed.paint(box, step, triangles)
        painted = np.ascontiguousarray(seen.transpose(2, 0, 1))
        places, covered = painted[:2], painted[2]
        if cv2.countNonZero(covered) < covered.size:
            _mend(seen, places, covered)
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


def _mend(seen: F32, places: F32, covered: F32) -> None:
    """Show what lies around them at pixels that the rasterizer missed, in `places` and `covered`, in place.

    Now and then it does one that lies on an edge exactly. `seen` is what it painted, (height, width, 3).
    """
    missed = np.asarray(cv2.blur(covered, (3, 3)), np.float32) - covered > GAP
    if missed.any():
        beside = np.asarray(cv2.blur(seen, (3, 3)), np.float32)[missed]
        places[:, missed] = (beside[:, :2] / beside[:, 2:]).T
        covered[missed] = 1


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
def _rings() -> tuple[NDArray[np.int64], list[slice]]:
    """Return the face's outline and the lines of landmarks next to it further in, one after the other, and each's part.

    Wherever a head turns, its outline in the picture is that of one of them.
    """
    triangles, front = mesh.face_triangles(), mean_head()
    rings = [np.array(mesh.OVAL)]
    for _ in range(RINGS - 1):
        beside = np.isin(triangles, rings[-1]).any(axis=1)
        ring = np.setdiff1d(triangles[beside], np.concatenate(rings))
        x, y = (front[ring, :2] - front[ring, :2].mean(axis=0)).T
        rings.append(ring[np.argsort(np.arctan2(y, x))])
    ends = accumulate(len(ring) for ring in rings)
    return np.concatenate(rings), [slice(end - len(ring), end) for ring, end in zip(rings, ends, strict=True)]


@cache
def _plain_raster() -> TriangleRaster:
    """Return the raster of the face without its lashes."""
    openings = _opening_triangles()
    triangles = np.concatenate([openings, mesh.face_triangles()])
    return TriangleRaster(triangles, np.repeat([-1, 0], [len(openings), len(triangles) - len(openings)]))
