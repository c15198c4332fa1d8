"""What a person before the camera is asked to do, and whether a face does it: measured against its own rest.

Pure: nothing here knows of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np

from avatar.face.mesh import LOWER_LIP_CENTRE, OUTER_EYE_CORNERS, OVAL, UPPER_LIP_CENTRE
from avatar.face.pose import RIGID, fit_pose, rotation_vector
from avatar.types import BLENDSHAPE_INDEX, F32

Gesture: TypeAlias = Literal["turn_left", "turn_right", "close_eyes", "open_mouth"]

GESTURES: Final[Mapping[Gesture, str]] = {
    "turn_left": "Turn your head to your left, then back",
    "turn_right": "Turn your head to your right, then back",
    "close_eyes": "Close both eyes for a second, then open them",
    "open_mouth": "Open your mouth wide for a second, then close it",
}
"""What is asked, in words."""
TURNS: Final[tuple[Gesture, ...]] = ("turn_left", "turn_right")
FACES: Final[tuple[Gesture, ...]] = ("close_eyes", "open_mouth")

TURN_DEG: Final = 22.0
"""Further than that, from rest, is a turn."""
DEPTH: Final = 0.05
"""Of the distance between the eyes' outer corners: what a turn has to show of a face's depth (`depth_of_turn`). Heads
that turn by so much show 0.075 and more, those that are held still 0.03."""
CLOSED: Final = 0.5
"""Of both blink coefficients: narrow eyes have up to 0.35 while they are open."""
CLOSING: Final = 0.25
"""Of the same, beyond rest."""
OPEN: Final = 0.4
"""Of the jaw's coefficient, beyond rest."""
GAP: Final = 0.2
"""Between the inner lips, of the distance between the eyes' outer corners: a jaw that is said to be open shows that."""
SHAPE: Final = 0.88
"""The upper face is squeezed by no more than this while lids or lips move: coefficients of a photo that is turned away
follow its shape, as if its mouth were open. Faces of people who talk keep 0.92 in 19 of 20 pictures."""
FRONT_DEG: Final = 15.0
"""Who looks to the front turns the head less than that, in yaw; pitch depends on where the camera is."""
PITCH_DEG: Final = 25.0
_SOLID: Final = np.array(sorted({*RIGID, *OVAL[:12], *OVAL[-11:]}))
"""Landmarks that expression moves least: of brow, nose, eye corners, and the outline above the jaw."""
_BLINKS: Final = [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]
_JAW: Final = BLENDSHAPE_INDEX["jawOpen"]


@dataclass(frozen=True, slots=True)
class Posture:
    """How a face is held."""

    landmarks_px: F32
    """(478, 3), pixels."""
    yaw_deg: float
    """+ turns the nose to the picture's left, which is the person's own right."""
    pitch_deg: float
    """+ tips the chin down."""
    eyes_closed: float
    """0..1: of the eye that is less so."""
    mouth_open: float
    """0..1."""

    @classmethod
    def of(cls, landmarks_px: F32, blendshapes: F32) -> Posture:
        """Return the posture of a face, from (478, 3) landmarks and (52,) coefficients."""
        pitch, yaw, _ = np.degrees(rotation_vector(fit_pose(landmarks_px).rotation)).tolist()
        return cls(landmarks_px, yaw, pitch, float(blendshapes[_BLINKS].min()), float(blendshapes[_JAW]))

    @property
    def at_rest(self) -> bool:
        """Whether it looks to the front, eyes open, mouth not wide open."""
        front = abs(self.yaw_deg) < FRONT_DEG and abs(self.pitch_deg) < PITCH_DEG
        return front and self.eyes_closed < CLOSED and self.mouth_open < OPEN / 2


def does(gesture: Gesture, rest: Posture, now: Posture) -> bool:
    """Return whether a face does what is asked."""
    match gesture:
        case "turn_left":
            return _turned_deg(rest, now) < -TURN_DEG and depth_of_turn(rest, now) > DEPTH
        case "turn_right":
            return _turned_deg(rest, now) > TURN_DEG and depth_of_turn(rest, now) > DEPTH
        case "close_eyes":
            shut = now.eyes_closed > CLOSED and now.eyes_closed - rest.eyes_closed > CLOSING
            return shut and kept_shape(rest, now) > SHAPE
        case "open_mouth":
            opened = now.mouth_open - rest.mouth_open > OPEN and _lip_gap(now) > GAP
            return opened and kept_shape(rest, now) > SHAPE


def does_another(gesture: Gesture, rest: Posture, now: Posture) -> bool:
    """Return whether it does what was not asked, by which a film that goes on by itself is known.

    Lids are measured too low in a turned head, and a mouth may fall open in one.
    """
    others: tuple[Gesture, ...] = ("turn_right",) if gesture == "turn_left" else ("turn_left",)
    if gesture in FACES:
        others = (*TURNS, "open_mouth" if gesture == "close_eyes" else "close_eyes")
    return any(does(other, rest, now) for other in others)


def depth_of_turn(rest: Posture, now: Posture) -> float:
    """Return how much of a face's depth is seen by a turn, in distances between the eyes' outer corners.

    The views of anything flat, a photo held up or a screen however it is tilted and moved, differ by a homography
    (Hartley and Zisserman, Multiple View Geometry, 13.1): this is what the best one leaves over, root mean square.
    """
    first, second = rest.landmarks_px[_SOLID, :2].astype(np.float64), now.landmarks_px[_SOLID, :2].astype(np.float64)
    plane, _ = cv2.findHomography(first, second, 0)
    if plane is None:
        return 0.0
    moved = cv2.perspectiveTransform(first[:, None], plane)[:, 0]
    left, right = rest.landmarks_px[list(OUTER_EYE_CORNERS)]
    scale = fit_pose(now.landmarks_px).scale / fit_pose(rest.landmarks_px).scale
    unit = max(float(np.linalg.norm(right - left)) * scale, 1e-6)
    return float(np.sqrt(np.square(second - moved).sum(axis=1).mean())) / unit


def kept_shape(rest: Posture, now: Posture) -> float:
    """Return the ratio of the least to the greatest stretch of the upper face since rest: 1 where it moves as it is."""
    before, after = rest.landmarks_px[_SOLID, :2].astype(np.float64), now.landmarks_px[_SOLID, :2].astype(np.float64)
    stretch = np.linalg.lstsq(before - before.mean(axis=0), after - after.mean(axis=0), rcond=None)[0]
    greatest, least = np.linalg.svd(stretch, compute_uv=False).tolist()
    return float(least / max(greatest, 1e-9))


def _lip_gap(now: Posture) -> float:
    upper, lower, left, right = now.landmarks_px[[UPPER_LIP_CENTRE, LOWER_LIP_CENTRE, *OUTER_EYE_CORNERS], :2]
    return float(np.linalg.norm(lower - upper)) / max(float(np.linalg.norm(right - left)), 1e-6)


def _turned_deg(rest: Posture, now: Posture) -> float:
    return now.yaw_deg - rest.yaw_deg
