"""A z-buffer rasteriser in plain numpy: triangles in, one triangle id and barycentric pair a pixel out.

Triangles of like size are expanded together to all the pixels of their bounding boxes, so that the work is a few large
array operations; the nearest fragment of each pixel is kept by a scatter-maximum on depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.types import F32

I32 = NDArray[np.int32]

_FRAGMENTS_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class Fragments:
    """What each pixel sees: ``triangle`` (h, w) int32, -1 where nothing; ``bary`` (h, w, 3) float32; ``depth`` (h, w)
    float32, larger is nearer, -inf where nothing."""

    triangle: I32
    bary: F32
    depth: F32

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(h, w) True where some triangle is seen."""
        return self.triangle >= 0

    def interpolate(self, values: F32, triangles: I32) -> F32:
        """Values (n, c) at vertices -> (h, w, c) at pixels, 0 where nothing is seen. ``triangles``: as rasterised."""
        out = np.zeros((*self.triangle.shape, values.shape[1]), np.float32)
        seen = self.covered
        corners = triangles[self.triangle[seen]]
        bary = self.bary[seen]
        picked = values[corners[:, 0]] * bary[:, :1]
        picked += values[corners[:, 1]] * bary[:, 1:2]
        picked += values[corners[:, 2]] * bary[:, 2:]
        out[seen] = picked
        return out


def rasterise(vertices_px: F32, triangles: I32, width: int, height: int, *, cull_back: bool = False) -> Fragments:
    """Draw triangles (m, 3) over vertices (n, 3): x right and y down in pixels (pixel centres at +0.5), z towards us.

    ``cull_back`` drops triangles whose corners run clockwise on the screen as it would be seen with y up.
    """
    depth = np.full(height * width, -np.inf, np.float32)
    triangle = np.full(height * width, -1, np.int32)
    bary = np.zeros((height * width, 3), np.float32)
    for ids, pixels, weights, fragment_depth in _fragments(vertices_px, triangles, width, height, cull_back):
        np.maximum.at(depth, pixels, fragment_depth)
        nearest = fragment_depth >= depth[pixels]
        triangle[pixels[nearest]] = ids[nearest]
        bary[pixels[nearest]] = weights[nearest]
    return Fragments(triangle.reshape(height, width), bary.reshape(height, width, 3), depth.reshape(height, width))


def paint(
    vertices_px: F32, triangles: I32, width: int, height: int, *, two_sided: NDArray[np.bool_], sink_cm: F32
) -> Fragments:
    """As `rasterise`, ten times as fast for many small triangles and a little less exact: painted from far to near.

    Triangles seen from behind are left out unless ``two_sided`` (m,). ``sink_cm`` (m,) moves triangles back in the
    order of painting, which knows the middle of each only: what lies close beneath another must not show through.
    """
    corners = vertices_px[triangles]
    xy = corners[:, :, :2]
    area = _cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0])
    shown = ((area < 0) | two_sided) & (np.abs(area) > 1e-6) & (xy.max(1) > 0).all(1)
    shown &= (xy.min(1) < [width, height]).all(1)
    chosen = np.flatnonzero(shown)
    chosen = chosen[np.argsort(corners[chosen, :, 2].mean(1) - sink_cm[chosen], kind="stable")]
    triangle = np.full((height, width), -1, np.int32)
    # OpenCV counts pixel centres as whole numbers, here in 1/256.
    outlines = np.rint((xy[chosen] - 0.5) * 256).astype(np.int32)
    for index, outline in zip(chosen.tolist(), outlines, strict=True):
        cv2.fillConvexPoly(triangle, outline, index, cv2.LINE_8, 8)
    y, x = np.nonzero(triangle >= 0)
    ids = triangle[y, x]
    point = np.stack([x + 0.5, y + 0.5], 1)
    a, b, c = xy[ids, 0].astype(np.float64), xy[ids, 1].astype(np.float64), xy[ids, 2].astype(np.float64)
    weights = np.stack([_cross(b - point, c - point), _cross(c - point, a - point), _cross(a - point, b - point)], 1)
    # OpenCV also fills pixels that the outline only touches; they take the nearest place inside.
    weights = (weights / weights.sum(1, keepdims=True)).clip(0, 1)
    weights /= weights.sum(1, keepdims=True)
    bary = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), -np.inf, np.float32)
    bary[y, x] = weights
    depth[y, x] = (weights * corners[ids, :, 2]).sum(1)
    return Fragments(triangle, bary, depth)


def _fragments(
    vertices_px: F32, triangles: I32, width: int, height: int, cull_back: bool
) -> Iterator[tuple[I32, NDArray[np.int64], F32, F32]]:
    corners = vertices_px[triangles].astype(np.float64)
    xy = corners[:, :, :2]
    area = _cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0])
    low = np.floor(xy.min(1) - 0.5).astype(np.int64).clip(0)
    high = np.minimum(np.ceil(xy.max(1) + 0.5).astype(np.int64), [width, height])
    size = high - low
    usable = (np.abs(area) > 1e-9) & (size > 0).all(1)
    if cull_back:
        usable &= area < 0
    side = np.where(usable, 2 ** np.ceil(np.log2(np.maximum(size.max(1), 1))).astype(np.int64), 0)
    for edge in np.unique(side[side > 0]):
        same = np.flatnonzero(side == edge)
        step = max(1, _FRAGMENTS_AT_ONCE // int(edge * edge))
        grid_y, grid_x = np.divmod(np.arange(edge * edge), edge)
        for start in range(0, len(same), step):
            ids = same[start : start + step]
            x = low[ids, 0, None] + grid_x
            y = low[ids, 1, None] + grid_y
            point = np.stack([x + 0.5, y + 0.5], -1)
            a, b, c = (xy[ids, k, None] for k in range(3))
            w0 = _cross(b - point, c - point) / area[ids, None]
            w1 = _cross(c - point, a - point) / area[ids, None]
            w2 = 1 - w0 - w1
            inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0) & (x < width) & (y < height)
            row, column = np.nonzero(inside)
            weights = np.stack([w0[inside], w1[inside], w2[inside]], -1)
            fragment_depth = (weights * corners[ids[row], :, 2]).sum(1)
            pixels = y[row, column] * width + x[row, column]
            yield ids[row].astype(np.int32), pixels, weights.astype(np.float32), fragment_depth.astype(np.float32)


def _cross(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0], np.float64)
