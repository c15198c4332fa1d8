"""Low-pass filters of landmarks and coefficients whose cutoff rises with speed: no jitter at rest, no lag in motion.

The rule is the 1-euro filter (Casiez, Roussel, Vogel, CHI 2012: cut-off frequency = floor + gain x speed) with two
changes. The gain itself rises with speed, since the speed of a still face is noise and must not open the filter. And
what moves is expected to move on, so that steady motion has no lag. Pose and shape are filtered apart, each in its own
frame: a head that turns does not open the filter of its lips. Lids and irises get the lightest filter, because a blink
is over in four frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from avatar.face.mesh import LEFT_EYE_OPENING, LEFT_IRIS, RIGHT_EYE_OPENING, RIGHT_IRIS
from avatar.face.pose import fit_pose, rotation_matrix, rotation_vector, to_head_frame, to_pixels
from avatar.perception.landmarker import FaceDetection
from avatar.types import F32, LANDMARK_COUNT, HeadPose

NOMINAL_STEP_S: Final = 1.0 / 30.0
"""Step taken for a frame whose time stands still or jumps back."""
LONGEST_STEP_S: Final = 0.5
"""After a longer gap the past says nothing any more: the filter starts afresh."""


LONGEST_FORESIGHT_S: Final = 0.1
"""No motion is expected to last longer unseen."""


@dataclass(frozen=True, slots=True)
class Response:
    """How a filter answers speed; each value is a number or an array that broadcasts against the filtered one."""

    rest_hz: float | F32
    """Cut-off frequency at rest."""
    gain: float | F32
    """Hz of cut-off per unit/s of speed, well above `noise_speed`."""
    speed_hz: float | F32
    """Cut-off of the filter that measures speed."""
    noise_speed: float
    """Units/s: the speed at which half the gain applies."""
    foresight: float
    """0 to 1: share of the measured speed that what moves is expected to keep."""


@dataclass(frozen=True, slots=True)
class Smoothed:
    """State of one filter: three arrays of one shape."""

    value: F32
    """What the filter gives."""
    velocity: F32
    """Units/s."""
    measured: F32
    """The last value that went in."""


def smooth(state: Smoothed | None, measured: F32, step_s: float, response: Response, *, joint: bool) -> Smoothed:
    """Return the next state after `measured` came `step_s` seconds after the last value; None starts afresh.

    `joint`: the last axis holds the coordinates of a point, and its speed is that of the point, else every number has
    a speed of its own.
    """
    if state is None or state.measured.shape != measured.shape:
        return Smoothed(measured, np.zeros_like(measured), measured)
    share = _share(response.speed_hz, step_s)
    velocity = state.velocity * (1 - share) + (measured - state.measured) * (share / step_s)
    speed, moving = _speed(velocity, response, joint=joint)
    expected = state.value + moving * moving * np.float32(response.foresight * step_s) * velocity
    value = expected + _share(response.rest_hz + response.gain * moving * speed, step_s) * (measured - expected)
    return Smoothed(value.astype(np.float32, copy=False), velocity.astype(np.float32, copy=False), measured)


def expected_value(state: Smoothed, step_s: float, response: Response, *, joint: bool) -> F32:
    """Return where the value is expected `step_s` seconds after the last one came; `joint` as in `smooth`."""
    _, moving = _speed(state.velocity, response, joint=joint)
    value: F32 = np.asarray(state.value + response.foresight * moving**2 * state.velocity * step_s, np.float32)
    return value


def _speed(velocity: F32, response: Response, *, joint: bool) -> tuple[F32, F32]:
    """Return how fast each value is, and how surely that is motion and not noise, 0 to 1."""
    speed: F32 = np.sqrt(np.einsum("...i,...i", velocity, velocity))[..., None] if joint else np.abs(velocity)
    moving: F32 = speed / (speed + np.float32(response.noise_speed))
    return speed, moving


def _share(cutoff_hz: float | F32, step_s: float) -> float | F32:
    """Share of the new value that a first-order low-pass lets through in one step."""
    turned = cutoff_hz * (2.0 * math.pi * step_s)
    return turned / (turned + 1.0)


_QUICK: Final = (*RIGHT_EYE_OPENING, *LEFT_EYE_OPENING, *RIGHT_IRIS, *LEFT_IRIS)


def _per_landmark(usual: float, quick: float) -> F32:
    values = np.full((LANDMARK_COUNT, 1), usual, np.float32)
    values[list(_QUICK)] = quick
    return values


# Tuned on training clips and on a portrait moved by a known path under camera noise, head units (blendshapes: their own
# unit): noise speed is what a still face shows at 30 frames a second; gains keep displacement under 0.5 % of a head
# unit in half of all frames and lag under 8 ms.
POSE_RESPONSE: Final = Response(rest_hz=0.5, gain=300.0, speed_hz=2.0, noise_speed=0.15, foresight=0.8)
SHAPE_RESPONSE: Final = Response(
    rest_hz=_per_landmark(0.5, 1.0),
    gain=_per_landmark(100.0, 200.0),
    speed_hz=_per_landmark(2.0, 6.0),
    noise_speed=0.15,
    foresight=0.8,
)
BLENDSHAPE_RESPONSE: Final = Response(rest_hz=0.5, gain=60.0, speed_hz=6.0, noise_speed=1.0, foresight=0.5)

_LEVER: Final = 0.7
"""Head units: how far a typical landmark is from the head's centre, so that radians and head units compare."""


@dataclass(frozen=True, slots=True)
class SmoothedFace:
    """State of a face's filters, and what they give."""

    time_s: float
    placing: Smoothed
    """(7,): position / scale (3), rotation vector x lever (3), log scale x lever (1); all in head units."""
    unit_px: float
    """Pixels per head unit that `placing` counts position in: the scale when the filter started."""
    shape: Smoothed
    """(478, 3), head units in the head's frame."""
    coefficients: Smoothed
    """(52,)."""

    @property
    def pose(self) -> HeadPose:
        place = self.placing.value
        return HeadPose(
            rotation=rotation_matrix(place[3:6] / np.float32(_LEVER)),
            translation_px=place[:3] * np.float32(self.unit_px),
            scale=self.unit_px * float(np.exp(place[6] / _LEVER)),
        )

    @property
    def landmarks_px(self) -> F32:
        """(478, 3), pixels: the filtered shape at the filtered pose."""
        return to_pixels(self.shape.value, self.pose)

    @property
    def blendshapes(self) -> F32:
        """(52,), 0..1."""
        return self.coefficients.value.clip(0.0, 1.0)


def smooth_face(state: SmoothedFace | None, face: FaceDetection, time_s: float) -> SmoothedFace:
    """Return the next state after `face` was seen at `time_s`; None starts afresh, and so does a long gap."""
    pose = fit_pose(face.landmarks_px)
    shape = to_head_frame(face.landmarks_px, pose)
    turn = rotation_vector(pose.rotation)
    step_s = NOMINAL_STEP_S
    if state is not None:
        gap_s = time_s - state.time_s
        if gap_s > LONGEST_STEP_S:
            state = None
        elif gap_s > 0.0:
            step_s = max(gap_s, 1e-3)
    unit_px = pose.scale if state is None else state.unit_px
    placing, shape_state, coefficients = (
        (None, None, None) if state is None else (state.placing, state.shape, state.coefficients)
    )
    if placing is not None:
        turn = _nearest_turn(turn, placing.measured[3:6] / np.float32(_LEVER))
    place = np.empty(7, np.float32)
    place[:3] = pose.translation_px / np.float32(unit_px)
    place[3:6] = turn * np.float32(_LEVER)
    place[6] = math.log(pose.scale / unit_px) * _LEVER
    return SmoothedFace(
        time_s=time_s,
        placing=smooth(placing, place, step_s, POSE_RESPONSE, joint=False),
        unit_px=unit_px,
        shape=smooth(shape_state, shape, step_s, SHAPE_RESPONSE, joint=True),
        coefficients=smooth(coefficients, face.blendshapes, step_s, BLENDSHAPE_RESPONSE, joint=False),
    )


def expected_face(state: SmoothedFace, time_s: float) -> SmoothedFace:
    """Return the face as it is expected at `time_s`, moving on as it moved when it was last seen.

    What is returned is to be shown, not to go on from: the filters go on from `state`.
    """
    step_s = min(max(time_s - state.time_s, 0.0), LONGEST_FORESIGHT_S)

    def moved(part: Smoothed, response: Response, *, joint: bool) -> Smoothed:
        return replace(part, value=expected_value(part, step_s, response, joint=joint))

    return replace(
        state,
        placing=moved(state.placing, POSE_RESPONSE, joint=False),
        shape=moved(state.shape, SHAPE_RESPONSE, joint=True),
        coefficients=moved(state.coefficients, BLENDSHAPE_RESPONSE, joint=False),
    )


def _nearest_turn(turn: F32, before: F32) -> F32:
    """Return the rotation vector of the same rotation that lies nearest to `before` (they repeat every full turn)."""
    angle = math.hypot(*turn.tolist())
    if angle < 1e-3:
        return turn
    other: F32 = turn * np.float32(1.0 - 2.0 * np.pi / angle)
    return min(turn, other, key=lambda vector: math.dist(vector, before))
