"""Eyeballs behind the lids: lids slide over them instead of squeezing them, and the iris moves by itself."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.types import F32

SHUT_PX: Final = 1.5
"""Lids nearer than this show no eyeball: what is painted between them would be their border."""
SHUT_SHARE: Final = 0.1
"""The same as a share of how far they are apart in the photo: MediaPipe's lids never quite meet."""
IRIS_REACH: Final = (1.05, 2.3)
"""Radii, in the iris's, within which the eyeball's picture moves across with the iris as a whole, and beyond which it
stays: in between only white is stretched, as far as the farthest glance needs."""
LID_REACH: Final = 1.7
"""Radius, in the iris's, within which it moves up and down with it: lids cover the iris, and are not to come along."""
BALL_SIDE: Final = 129
"""Pixels of a kept eyeball's map to each side, odd: its middle is the iris."""
BALL_REACH: Final = 1.25
"""How far from the iris, in widths of the eye, that map reaches: no opening shows more."""
_OPENINGS: Final = np.array([mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING])
"""(2, 16): an opening begins at a corner, runs along one lid, and back from the other corner along the other."""
_ACROSS: Final = np.concatenate([_OPENINGS[:, :1], _OPENINGS[:, :0:-1]], axis=1)
"""(2, 16): each landmark's partner on the other lid; a corner's is itself."""
_EYES: Final = np.concatenate([_OPENINGS, _ACROSS, [[mesh.RIGHT_IRIS[0]], [mesh.LEFT_IRIS[0]]]], axis=1)
"""(2, 33)."""
_LIDS: Final = _OPENINGS.shape[1]
_BETWEEN_CORNERS: Final = np.full(_LIDS // 2 - 1, 1 / (_LIDS // 2 - 1), np.float32)
"""To take a mean by; numpy's own takes longer."""
SUBPIXELS: Final = 16
"""Polygons are painted to this share of a pixel: four bits of it."""


class _Eye(NamedTuple):
    """An eye of a face in a picture. Points are complex numbers, x + iy: multiplied they are turned and scaled."""

    outline: NDArray[np.int32]
    """(16, 2), the opening's, in `SUBPIXELS`."""
    middle: complex
    """Between the corners."""
    axis: complex
    """From corner to corner."""
    iris: complex
    gap: float
    """Mean distance between the lids, pixels."""


class Eyeballs:
    """Both eyes of a resting face."""

    def __init__(self, rest_landmarks: F32) -> None:
        """Take (478, 3) rest landmarks in picture pixels."""
        self._rest = _eyes(rest_landmarks)
        self._balls = [
            _ball(BALL_REACH * abs(eye.axis), _radius(rest_landmarks, iris))
            for eye, iris in zip(self._rest, (mesh.RIGHT_IRIS, mesh.LEFT_IRIS), strict=True)
        ]

    def write(self, places: F32, landmarks: F32) -> None:
        """Overwrite a backward map inside the eyes' openings with the eyeballs' own.

        Args:
            places: (2, height, width), the map of a picture, x and y, changed in place.
            landmarks: (478, 3) moved landmarks in the picture's pixels.
        """
        for eye, rest, ball in zip(_eyes(landmarks), self._rest, self._balls, strict=True):
            if eye.gap >= max(SHUT_PX, SHUT_SHARE * rest.gap * abs(eye.axis / rest.axis)):
                _write(places, eye, rest, ball)


def _write(places: F32, eye: _Eye, rest: _Eye, ball: F32) -> None:
    """Overwrite a backward map (2, height, width) inside an eye's opening; `ball` comes from `_ball`."""
    x, y, width, height = cv2.boundingRect(eye.outline)
    left, top = max(x // SUBPIXELS, 0), max(y // SUBPIXELS, 0)
    right, bottom = (x + width) // SUBPIXELS + 2, (y + height) // SUBPIXELS + 2
    width, height = min(right, places.shape[2]) - left, min(bottom, places.shape[1]) - top
    if width < 2 or height < 2:
        return
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [eye.outline], 1, cv2.LINE_8, 4, (-left * SUBPIXELS, -top * SUBPIXELS))

    turn, upright = rest.axis / eye.axis, rest.axis / abs(rest.axis)
    wider = max(1.0, eye.gap * abs(turn) / max(rest.gap, 1e-3))

    def to_rest(way: complex) -> complex:
        """Return what a way in the picture is at rest; between the lids a wider eye shows no more of its ball."""
        along = way * turn / upright
        return complex(along.real, along.imag / wider) * upright

    seen = (eye.iris - eye.middle) * turn
    scale = BALL_SIDE // 2 / (BALL_REACH * abs(rest.axis))
    rightwards, downwards = to_rest(1) * scale, to_rest(1j) * scale
    first = (to_rest(complex(left, top) - eye.middle) - seen) * scale + complex(BALL_SIDE // 2, BALL_SIDE // 2)
    to_ball = np.array([[rightwards.real, downwards.real, first.real], [rightwards.imag, downwards.imag, first.imag]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    from_iris = cv2.warpAffine(ball, to_ball, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    # The eyeball's picture moves with the iris near it, and less and less away from it.
    moved, place = rest.iris - rest.middle - seen, rest.middle + seen
    to_photo = np.array([[1, 0, moved.real, 0, place.real], [0, 1, 0, moved.imag, place.imag]])
    for plane, to_axis in zip(places, to_photo, strict=True):
        cv2.copyTo(cv2.transform(from_iris, to_axis[None]), inside, plane[top : top + height, left : left + width])


def _ball(size_px: float, radius_px: float) -> F32:
    """Return an eyeball's map around its resting iris, so far to each side, (`BALL_SIDE`, `BALL_SIDE`, 4).

    It holds x and y from the iris in pixels of the photo and how far what is there moves with it across and down, 0..1.
    """
    along = np.linspace(-size_px, size_px, BALL_SIDE, dtype=np.float32)
    x, y = np.meshgrid(along, along)
    away = np.hypot(x, y) / max(radius_px, 1e-3)
    whole, none = IRIS_REACH
    across, down = ((none - away) / (none - whole)).clip(0, 1), np.exp(-np.square(away / LID_REACH))
    return np.dstack([x, y, across, down]).astype(np.float32)


def _radius(landmarks: F32, iris: tuple[int, ...]) -> float:
    """Return an iris's mean radius in pixels."""
    return float(np.linalg.norm(landmarks[list(iris[1:]), :2] - landmarks[iris[0], :2], axis=1).mean())


def _eyes(landmarks: F32) -> list[_Eye]:
    """Return the right and the left eye of (478, 3) landmarks, the opening half a pixel smaller.

    Polygons are painted with their border, and closed lids must show no eyeball.
    """
    points = np.asarray(landmarks[_EYES, :2], np.float32, order="C").view(np.complex64)[..., 0]
    lids, half = points[:, :_LIDS], _LIDS // 2
    across = points[:, _LIDS:-1] - lids
    apart = np.abs(across)
    outlines = (lids + across * (np.float32(0.75) / np.maximum(apart, 1))) * SUBPIXELS
    outlines = np.rint(outlines.view(np.float32)).astype(np.int32).reshape(2, -1, 2)
    gaps = (apart[:, 1:half] @ _BETWEEN_CORNERS).tolist()
    ends = points[:, [0, half, -1]].tolist()
    return [
        _Eye(outline, (start + end) / 2, end - start, iris, gap)
        for outline, (start, end, iris), gap in zip(outlines, ends, gaps, strict=True)
    ]
