"""Camera face -> Motion: how the driver moves away from their own rest, in terms any avatar can follow."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from avatar.face import mesh
from avatar.face.expression_basis import ExpressionBasis
from avatar.face.pose import rotation_vector, to_head_frame
from avatar.motion.neutral import Neutral, NeutralCalibration, between, eye_openings
from avatar.motion.read_rest import ReadRest
from avatar.types import BLENDSHAPE_INDEX, F32, FaceState, Motion

CLOSED_SHARE: Final = 0.28
"""Lid distance of a closed eye as a share of the resting one: MediaPipe's lids never quite meet."""
WIDEST: Final = -0.5
"""Lower bound of `eyeBlink*`: eyes half as wide again as at rest."""
DEPTH_TRUST: Final = 0.6
"""Share of the measured depth offsets that is believed: MediaPipe's z is a guess."""
EASE_S: Final = 0.25
"""How slowly the resting face that motion is measured from follows the one that is known: while that is still being
found, a head that moves would jump with it."""
ARRIVAL_S: Final = 10 * EASE_S
"""After so long what is left of the way cannot be seen: the known rest itself is taken."""
BLINK: Final = (BLENDSHAPE_INDEX["eyeBlinkRight"], BLENDSHAPE_INDEX["eyeBlinkLeft"])
_CORNERS: Final = np.array([mesh.RIGHT_EYE_CORNERS, mesh.LEFT_EYE_CORNERS])
_IRISES: Final = np.array([mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0]])


class Retargeter:
    """One driver's face to motion; calibrates itself from the first second and again on demand."""

    def __init__(self, basis: ExpressionBasis) -> None:
        self._basis = basis
        self._calibration, self._read_rest = NeutralCalibration(), ReadRest()
        self._rest: tuple[float, Neutral] | None = None
        self._goal: Neutral | None = None
        self._arrives_s = 0.0

    @property
    def calibrated(self) -> bool:
        """True once the driver's resting face is settled."""
        return self._calibration.done

    def recalibrate(self) -> None:
        """Take the driver's resting face anew from the next second."""
        self._calibration = NeutralCalibration()

    def motion(self, face: FaceState, read: F32 | None = None) -> Motion:
        """Return how `face` differs from the driver's rest.

        `read` is what the tier that draws has read from the same frame by itself, (21, 3): `Generator.read_driver`.
        """
        neutral = self._calibration.observe(face)
        if face.frame_size != neutral.frame_size:
            # Another camera or another mode: where the head is and how large has lost its meaning.
            self.recalibrate()
            neutral = self._calibration.observe(face)
        motion = relative_motion(face, self._eased(face.time_s, neutral), self._basis)
        if read is None:
            return motion
        return replace(motion, read=self._read_rest.expression(read, motion, settled=self.calibrated))

    def _eased(self, time_s: float, neutral: Neutral) -> Neutral:
        """Return the resting face on its way to `neutral`; at once the first time and after a step back in time."""
        if neutral is not self._goal:
            self._goal, self._arrives_s = neutral, time_s + ARRIVAL_S
        past_s, past = (time_s, neutral) if self._rest is None else self._rest
        if past_s <= time_s < self._arrives_s and past.frame_size == neutral.frame_size:
            neutral = between(past, neutral, 1 - math.exp((past_s - time_s) / EASE_S))
        self._rest = time_s, neutral
        return neutral


def relative_motion(face: FaceState, neutral: Neutral, basis: ExpressionBasis) -> Motion:
    """Return the motion that leads from a driver's rest to `face`."""
    blendshapes = face.blendshapes - neutral.blendshapes
    blendshapes[list(BLINK)] = lid_closure(face, neutral)
    offsets = to_head_frame(face.landmarks_px, face.pose) - neutral.landmarks
    offsets[:, 2] *= DEPTH_TRUST
    return Motion(
        time_s=face.time_s,
        blendshapes=blendshapes,
        rotation=rotation_vector(face.pose.rotation @ neutral.rotation.T),
        translation=(face.pose.translation_px[:2] - neutral.position) / np.float32(neutral.scale),
        scale=face.pose.scale / neutral.scale,
        gaze=_gaze(offsets, neutral),
        residual=offsets - basis.displacement(blendshapes),
    )


def lid_closure(face: FaceState, neutral: Neutral) -> F32:
    """Return how far each eye is closed, right then left: 0 at rest, 1 shut, below 0 wider than at rest.

    From the distance between the lids relative to the same person's rest, which neither head turns nor the shape of
    the eye change much; the tracker's own coefficient, which saturates early, only helps to reach 1.
    """
    closure = np.empty(2, np.float32)
    measured = zip(eye_openings(face.landmarks_px), neutral.eye_openings, BLINK, strict=True)
    for eye, (opening, rest, coefficient) in enumerate(measured):
        by_lids = (1 - opening / max(rest, 1e-3)) / (1 - CLOSED_SHARE)
        score, rest_score = float(face.blendshapes[coefficient]), float(neutral.blendshapes[coefficient])
        by_score = (score - rest_score) / max(0.75 - rest_score, 0.2)
        closure[eye] = min(max(by_lids, 0.5 * (by_lids + by_score), WIDEST), 1)
    return closure


def _gaze(offsets: F32, neutral: Neutral) -> F32:
    """Return the irises' mean travel within their eyes as a share of the eye's width, (2,): both eyes look one way."""
    rest = neutral.landmarks[_CORNERS, :2]
    across = rest[:, 1] - rest[:, 0]
    widths = np.maximum(np.sqrt(np.einsum("ei,ei->e", across, across)), np.float32(1e-3))
    corners = offsets[_CORNERS, :2]
    travel = (offsets[_IRISES, :2] - (corners[:, 0] + corners[:, 1]) / 2) / widths[:, None]
    return np.asarray((travel[0] + travel[1]) / 2, np.float32)
