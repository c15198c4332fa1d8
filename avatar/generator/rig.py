"""The rig: a motion in, the (478, 3) landmarks of the avatar's own face in that pose and expression out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.face.expression_basis import ExpressionBasis
from avatar.face.motion_limits import limit_rotation, limit_scale, limit_translation
from avatar.face.pose import fit_pose, rotation_matrix, rotation_vector, to_head_frame, to_pixels
from avatar.generator.stiff_rims import STIFFNESS, flattened, rim_share
from avatar.types import BLENDSHAPE_INDEX, F32, HeadPose, Motion

LID_MEETING: Final = 0.2
"""Where closing lids meet, as a share of the opening above the lower lid: the upper lid does most of the way."""
OUTER_LIP_SHARE: Final = 0.6
"""How much of a correction at the lips' inner edge the outer edge shares."""
PARTED: Final = 0.1
"""Inner-lip distance, in head units, of a smile that shows teeth."""
PARTED_HOLD: Final = 0.5
"""How much less lips parted far more than that still open."""
EYES: Final = (
    (mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID, mesh.RIGHT_EYE_CORNERS, mesh.RIGHT_IRIS),
    (mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID, mesh.LEFT_EYE_CORNERS, mesh.LEFT_IRIS),
)
LOOK_REACH: Final = (0.22, 0.14)
"""Iris travel for a full `eyeLook*` coefficient, as a share of the eye's width (x, y)."""

_BLINKS: Final = np.array([BLENDSHAPE_INDEX["eyeBlinkRight"], BLENDSHAPE_INDEX["eyeBlinkLeft"]])
_LIPS: Final = np.array((mesh.UPPER_INNER_LIP, mesh.LOWER_INNER_LIP, mesh.UPPER_OUTER_LIP, mesh.LOWER_OUTER_LIP))
_LIP_SHARES: Final = np.array([[-1], [1], [-OUTER_LIP_SHARE], [OUTER_LIP_SHARE]], np.float32)
"""How much of a correction each line of `_LIPS` goes down."""
_LOOKS: Final = np.array([
    [[BLENDSHAPE_INDEX[f"eyeLook{to}{side}"] for to in way] for way in (across, ("Down", "Up"))]
    # The subject's right eye looks "out" to the picture's left.
    for side, across in (("Right", ("In", "Out")), ("Left", ("Out", "In")))
])  # fmt: skip
"""(2 eyes, 2 axes, 2): the coefficients that look to the picture's right and down, and against it."""
_GAZE_LIMIT: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Eyes:
    """Both eyes at rest, the right one first, in the head's frame."""

    rings: NDArray[np.int64]
    """(2, 21): numbers of both lids' landmarks, the corners and the iris."""
    corners: NDArray[np.int64]
    """(2, 2)."""
    irises: int
    """How many of them, the last, are the iris's."""
    places: F32
    """(2, 21, 3), from between the corners."""
    closing: F32
    """(2, 21, 3): how far each landmark goes as the lids meet."""
    widths: F32
    """(2, 1)."""


class Rig:
    """One person's rest landmarks, ready to be moved. Holds no state between calls."""

    def __init__(self, rest_landmarks: F32, basis: ExpressionBasis, *, glasses: bool = False) -> None:
        """Take the (478, 3) landmarks at rest, in pixels of the outgoing picture; `glasses`: the person wears some."""
        self.rest = rest_landmarks
        self.rest_pose: HeadPose = fit_pose(rest_landmarks)
        self._photo_turn = float(rotation_vector(self.rest_pose.rotation)[1])
        self.stiff: F32 | None = rim_share(rest_landmarks) if glasses else None
        """(478,), 0..1: how much of each landmark glasses hold stiff; None: there are none."""
        self._taking_part: F32 | None = None
        """(478, 1): each landmark's share of an expression's motion; None: all have all of it."""
        if self.stiff is not None:
            rest_landmarks = flattened(rest_landmarks, self.stiff)
            self._taking_part = (1 - np.float32(STIFFNESS) * self.stiff)[:, None]
        self._head = to_head_frame(rest_landmarks, self.rest_pose)
        self._basis = basis
        self._rest_gap = self._head[_LIPS[1], 1] - self._head[_LIPS[0], 1]
        parted = np.maximum(self._rest_gap, 0)
        self._opening_share = 1 - PARTED_HOLD * parted / (parted + PARTED)
        self._least_gap = np.minimum(self._rest_gap, 0)
        self._eyes = _both_eyes(self._head)

    def pose(self, motion: Motion) -> HeadPose:
        """Return the avatar's head pose for a motion, limited to what stays believable."""
        rest = self.rest_pose
        shift = np.zeros(3, np.float32)
        shift[:2] = limit_translation(motion.translation) * rest.scale
        return HeadPose(
            rotation=rotation_matrix(limit_rotation(motion.rotation, self._photo_turn)) @ rest.rotation,
            translation_px=rest.translation_px + shift,
            scale=rest.scale * limit_scale(motion.scale),
        )

    def landmarks(self, motion: Motion, pose: HeadPose) -> F32:
        """Return the (478, 3) landmarks in pixels for a motion at a pose."""
        offsets = self._basis.displacement(motion.blendshapes)
        if motion.residual is not None:
            offsets = offsets + motion.residual
        if self._taking_part is not None:
            offsets = offsets * self._taking_part
        head = self._head + offsets
        self._part_lips(head)
        self._set_eyes(head, motion)
        return to_pixels(head, pose)

    def _part_lips(self, head: F32) -> None:
        """Set how far the lips are apart, in place.

        Lips that rest parted have part of their way behind them and open less than the driver's; closed lips do not
        pass through each other.
        """
        height = head[_LIPS, 1]
        gap = height[1] - height[0]
        opening = gap - self._rest_gap
        opened = self._rest_gap + opening * self._opening_share
        wanted = np.where(opening > 0, opened, np.maximum(gap, self._least_gap))
        head[_LIPS, 1] = height + _LIP_SHARES * ((wanted - gap) / 2)

    def _set_eyes(self, head: F32, motion: Motion) -> None:
        """Place lids and irises exactly: the rest of the face only carries them."""
        eyes = self._eyes
        corners = head[eyes.corners]
        closed = np.minimum(np.maximum(motion.blendshapes[_BLINKS], -0.6), 1.0)
        rings = eyes.places + (corners[:, :1] + corners[:, 1:]) / 2 + closed[:, None, None] * eyes.closing
        rings[:, -eyes.irises :, :2] += (eyes.widths * gaze_of(motion))[:, None]
        head[eyes.rings] = rings


def _both_eyes(head: F32) -> _Eyes:
    """Return the eyes of (478, 3) resting landmarks in the head's frame."""
    upper, lower, corners, irises = (np.array(numbers) for numbers in zip(*EYES, strict=True))
    rings = np.concatenate([upper, lower, corners, irises], axis=1)
    open_lids = head[upper] - head[lower]
    still = np.zeros((2, corners.shape[1] + irises.shape[1], 3), np.float32)
    ends = head[corners]
    return _Eyes(
        rings,
        corners,
        irises.shape[1],
        head[rings] - ends.mean(axis=1)[:, None],
        np.concatenate([-(1 - LID_MEETING) * open_lids, LID_MEETING * open_lids, still], axis=1).astype(np.float32),
        np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)[:, None],
    )


def gaze_of(motion: Motion) -> F32:
    """Return the (2, 2) iris travel of the right and the left eye as shares of the eye's width.

    x goes to the picture's right and y down.
    """
    if motion.gaze is not None:
        gaze = np.minimum(np.maximum(motion.gaze, -_GAZE_LIMIT), _GAZE_LIMIT)
        return np.array([gaze, gaze], np.float32)
    towards = motion.blendshapes[_LOOKS]
    return np.asarray((towards[..., 0] - towards[..., 1]) * np.array(LOOK_REACH), np.float32)
