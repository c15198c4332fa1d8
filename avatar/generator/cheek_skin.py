"""Where a moving head's skin is looked up in the photo: a rim that comes to the front shows the cheek beside it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from avatar.face import mesh
from avatar.face.easing import smooth_step
from avatar.face.pose import fit_pose, rotation_vector, to_head_frame
from avatar.types import F32, HeadPose

RIM: Final = 0.60
"""Where a face's rim begins, in head units from its middle; it ends at about 0.8."""
RIM_BESIDE_EYES: Final = 0.66
"""And at the height of brows and eyes: further in is a brow's end, which would be drawn out to the rim."""
EYES_FROM, EYES_TO = (-0.5, -0.35), (0.0, 0.12)
"""Heights between which that comes and goes, in head units; eye corners are at -0.08, brows' ends at -0.25."""
RIM_PULL: Final = 0.6
"""How much nearer to there the skin of a hidden rim is taken from."""
SEEN_SHARE: Final = 0.15
"""Share of that for a rim the photo shows as well as the other. This and where the rim begins were chosen on 12 clips
of training people, where the warp's faces come 0.08 dB nearer to the real ones. With no share at all they would come
0.02 more so, but ears would be seen twice beside a turned head."""
HIDDEN_DEG: Final = 14.0
"""Turn of the photo at which its far rim counts as hidden."""
UNCOVERED_DEG: Final = 10.0
"""Turn of the moving head at which a rim is fully brought to the front."""
ON_EDGE: Final = 1e-4
"""A place so little outside a triangle, as a share of it, lies on its edge."""


class CheekSkin:
    """Where each landmark's skin is looked up in the photo, (478, 2) pixels: at `rest`, shifted as far as a rim shows.

    A face's rim is a sliver at its silhouette, mixed with hair, ear and background, and more so on the far side of a
    head that is turned. When a moving head brings that rim to the front, the sliver would be stretched wide. Then the
    rim's skin is taken from further in, where the photo shows the cheek. At rest nothing is changed.
    """

    def __init__(self, rest_landmarks: F32, stiff: F32 | None = None) -> None:
        """Take the (478, 3) resting landmarks in pixels, and how much of each shows glasses, (478,), 0..1; None: none.

        Skin that is a little off is not seen, the rim of a lens is.
        """
        self.rest = np.array(rest_landmarks[:, :2], np.float32)
        self._skin = 1.0 if stiff is None else (1 - stiff)[:, None]
        self._pose = fit_pose(rest_landmarks)
        yaw_deg = float(np.degrees(rotation_vector(self._pose.rotation)[1]))
        frontal = to_head_frame(rest_landmarks, self._pose)[:, :2]
        triangles = Delaunay(frontal[: mesh.RIGHT_IRIS[0]]).simplices
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
        beside_eyes = smooth_step(frontal[:, 1], *EYES_FROM) * (1 - smooth_step(frontal[:, 1], *EYES_TO))
        outwards = side * frontal[:, 0] - (RIM + (RIM_BESIDE_EYES - RIM) * beside_eyes)
        rim = np.flatnonzero(outwards > 0)
        inner = frontal[rim]
        inner[:, 0] -= side * outwards[rim] * strength
        shift = np.zeros_like(self.rest)
        shift[rim] = interpolated(frontal, self.rest, triangles, inner) - self.rest[rim]
        return np.asarray(np.where(np.isfinite(shift), shift, 0) * self._skin, np.float32)


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
