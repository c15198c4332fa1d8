"""Everything around the face that moves with the head: hair, ears, neck, down to where the body stays still.

A coarse field of displacements, smooth everywhere: the head's rigid motion, faded out along the neck, plus what the
face's outline does beyond it (a falling jaw pulls the skin below the chin). Coarse is enough because nothing here has
edges; the matte gives the head its outline.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.easing import smooth_step
from avatar.face.pose import to_head_frame, to_pixels
from avatar.generator.sampling import sample_nodes
from avatar.types import F32, HeadPose

STEP_PX: Final = 8
"""Picture pixels per node of the field."""
BACK_DEPTH: Final = 0.75
"""How far behind the face's outline the middle of the hair and ears lie, in head units."""
BACK_REACH: Final = 0.5
"""Distance from the outline, in head units, over which that depth is reached."""
NECK_FADE: Final = 0.8
"""Length below the chin, in face heights, along which the head's motion fades to the still body."""
SIDE_FADE: Final = (1.7, 2.5)
"""Distance from the head's axis, in head units, between which motion fades: wider than big hair."""
OUTLINE_REACH: Final = 0.6
"""How far, in head units, the skin around the outline follows what the outline does."""
KEEP_OUT: Final = (0.06, 0.2)
"""Depths inside the outline, in head units, between which the way out sets in: the rim itself stays as it is."""
_OVAL: Final = np.array(mesh.OVAL)
_FROM_REST: Final = -np.eye(2, dtype=np.float32)
INVERSION_STEPS: Final = 6
DAMPING: Final = 0.7


class HeadShell:
    """The displacement field around one resting face."""

    def __init__(self, rest_landmarks: F32, rest_pose: HeadPose, picture_size: tuple[int, int]) -> None:
        """Take (478, 3) rest landmarks in picture pixels, their pose, and the picture's (width, height)."""
        width, height = picture_size
        self._columns, self._rows = -(-width // STEP_PX), -(-height // STEP_PX)
        self._grid = np.stack(
            np.meshgrid(np.arange(self._columns, dtype=np.float32), np.arange(self._rows, dtype=np.float32)), axis=-1
        )
        self._rest_outline = rest_landmarks[list(mesh.OVAL)]
        self._rest_outline_head = to_head_frame(self._rest_outline, rest_pose)

        # Nodes lie where cv2.resize expects the centres of coarse pixels.
        self._nodes = ((self._grid + np.float32(0.5)) * STEP_PX - np.float32(0.5)).reshape(-1, 2)

        away, nearness = self._distances(rest_pose.scale)
        outline_depth = nearness @ self._rest_outline[:, 2]
        depth = outline_depth + BACK_DEPTH * rest_pose.scale * (1 - np.exp(-away / BACK_REACH))
        nodes = np.concatenate([self._nodes, depth[:, None]], axis=1).astype(np.float32)
        self._nodes_head = to_head_frame(nodes, rest_pose)
        follow_head = self._rigid_share()[:, None]
        follow_outline = nearness * np.exp(-((away / OUTLINE_REACH) ** 2))[:, None]
        # A node's shift is linear in the head's rotation and place, in what the outline does beyond them, and in where
        # the node is at rest. It is counted in nodes from here on.
        follow = np.hstack([self._nodes_head * follow_head, follow_head, follow_outline, self._nodes * follow_head])
        # Row by row, each product is too small for OpenBLAS to share it out among threads that wait for each other.
        self._follow = (follow / STEP_PX).astype(np.float32).reshape(self._rows, self._columns, -1)
        self._push_out = self._rim_offsets(rest_pose.scale) / np.float32(STEP_PX)

    def displacements(self, landmarks: F32, pose: HeadPose) -> F32:
        """Return how far away each node's source lies, (rows, columns, 2) pixels, for moved landmarks and a pose."""
        outline = landmarks[_OVAL, :2]
        beyond = outline - to_pixels(self._rest_outline_head, pose)[:, :2]
        turn = (pose.rotation.T * np.float32(pose.scale))[:, :2]
        drive = np.concatenate([turn, pose.translation_px[None, :2], beyond, _FROM_REST], dtype=np.float32)
        return self._keep_out(self._invert(self._follow @ drive)) * np.float32(STEP_PX)

    def _invert(self, forward: F32) -> F32:
        """Return the backward displacement of a forward one by damped fixed-point iteration.

        Solves b(p) = -f(p + b(p)) (Chen et al., Medical Physics 35(1), 2008), in grid units of the coarse field.
        """
        backward, at = -forward, np.empty_like(forward)
        for _ in range(INVERSION_STEPS):
            moved = sample_nodes(forward, np.add(self._grid, backward, out=at))
            cv2.addWeighted(backward, 1 - DAMPING, moved, -DAMPING, 0, dst=backward)
        return backward

    def _keep_out(self, backward: F32) -> F32:
        """Return the backward field with sources inside the face moved out to its rim.

        Where a turning head uncovers what the photo never showed, the field would fetch a second cheek; skin and hair
        beside the face are the better guess.
        """
        return np.asarray(backward + sample_nodes(self._push_out, self._grid + backward), np.float32)

    def _rim_offsets(self, unit_px: float) -> F32:
        """Return for each node inside the face the way out to its rim, (rows, columns, 2) pixels; 0 outside."""
        outline = self._rest_outline[:, :2]
        gaps = np.linalg.norm(self._nodes[:, None] - outline[None], axis=2)
        nearest = 1 / np.maximum(gaps, 1.0) ** 6
        way = (nearest / nearest.sum(axis=1, keepdims=True)) @ outline - self._nodes
        shallow, deep = KEEP_OUT
        share = smooth_step(self._inside(outline) / unit_px, shallow, deep)
        offsets = (way * share[:, None]).astype(np.float32)
        return np.asarray(offsets.reshape(self._rows, self._columns, 2), np.float32)

    def _distances(self, unit_px: float) -> tuple[F32, F32]:
        """Return each node's distance outside the face's outline (n,), head units, and its weights on it (n, 36)."""
        outline = self._rest_outline[:, :2]
        gaps = np.linalg.norm(self._nodes[:, None] - outline[None], axis=2)
        weights = 1 / np.maximum(gaps, 1.0) ** 3
        away = np.maximum(-self._inside(outline), 0) / unit_px
        return away.astype(np.float32), (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def _inside(self, outline: F32) -> F32:
        """Return each node's distance in pixels from an outline (n, 2), positive inside."""
        polygon = outline.astype(np.float32).reshape(-1, 1, 2)
        return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in self._nodes], np.float32)

    def _rigid_share(self) -> F32:
        """Return how much of the head's rigid motion each node follows (n,), 0 body to 1 head."""
        chin = self._rest_outline_head[mesh.OVAL.index(mesh.CHIN)]
        face_height = chin[1] - self._rest_outline_head[mesh.OVAL.index(mesh.FOREHEAD), 1]
        below = (self._nodes_head[:, 1] - chin[1]) / face_height
        sideways = np.abs(self._nodes_head[:, 0] - chin[0])
        near, far = SIDE_FADE
        share = (1 - smooth_step(below, 0, NECK_FADE)) * (1 - smooth_step(sideways, near, far))
        return share.astype(np.float32)


def places_of(field: F32, step: int) -> F32:
    """Return the backward map of a whole picture, (2, rows, columns) every `step` pixels, a divisor of `STEP_PX`.

    `field` holds (rows, columns, 2) displacements in pixels, from `HeadShell.displacements`.
    """
    rows, columns = field.shape[:2]
    return enlarged(places_at_nodes(field), slice(rows), slice(columns), step)


def places_at_nodes(field: F32, origin: float = 0) -> F32:
    """Return where nodes and one more on each side come from, (2, rows + 2, columns + 2), from displacements.

    `field` holds (rows, columns, 2); `origin` is added to every place.
    """
    beyond = cv2.copyMakeBorder(field, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    rows, columns = beyond.shape[:2]
    first = (STEP_PX - 1) / 2 + origin - STEP_PX
    places = np.empty((2, rows, columns), np.float32)
    for axis, count in enumerate((columns, rows)):
        cv2.extractChannel(beyond, axis, places[axis])
        centres = np.arange(count, dtype=np.float32) * STEP_PX + first
        places[axis] += centres[:, None] if axis else centres
    return places


def enlarged(nodes: F32, rows: slice, columns: slice, step: int, beyond: int = 0) -> F32:
    """Return the backward map of some nodes' part of the picture, (2, height, width) every `step` pixels.

    `nodes` comes from `places_at_nodes`, whose edge is not counted in `rows` and `columns`. The map goes on by
    `beyond` of its own pixels on each side, half a node at most.
    """
    times = STEP_PX // step
    first_row, first_column = rows.start or 0, columns.start or 0
    some = nodes[:, first_row : rows.stop + 2, first_column : columns.stop + 2]
    edge = times - beyond
    return magnified(some, times)[:, edge:-edge, edge:-edge]


def magnified(places: F32, times: int) -> F32:
    """Return a map (2, height, width) so many times larger, linear in between.

    Both planes are enlarged as one picture: the last `times // 2` rows of x and the first ones of y mean nothing.
    """
    _, height, width = places.shape
    size = (width * times, 2 * height * times)
    larger = cv2.resize(places.reshape(2 * height, width), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, np.float32).reshape(2, height * times, width * times)
