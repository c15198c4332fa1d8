"""Light matching of portraits by their skin, so that a mouth or an eye taken from one fits the face of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.generator.identity import Portrait
from avatar.types import F32, U8

MAX_GAIN: Final = 1.6
"""Colours are scaled by at most this, and at least its inverse: more would show noise and clipped light."""
MAX_CONTRAST: Final = 1.4
"""The same of the exponent that light is raised to."""
SAME_CONTRAST: Final = 0.06
"""How far its logarithm is off between photos in one light, by expressions and turns."""
UNLIKE, ALIKE = 0.88, 0.94
"""Correlation of what stands out of two photos' skin: faces turned by 13 degrees, 0.83; hardly at all, 0.97."""
MEASURED_PX: Final = 300
"""Pixels of a face's height that its light is measured by."""
REACH: Final = 1 / 8
"""Standard deviation of how far a place of the skin tells the light around it, in heights of the face."""
SURE: Final = 1.0
"""So many places of the skin nearby are believed by half: where there are none, the whole face's gain is left."""
PATCH: Final = 1 / 24
"""Side of a place, in heights of the face: more than pores and stubble, less than a cheek."""
PLAIN: Final = 0.05
"""Standard deviation of the logarithm of light that says as much of brows and lips as it does of noise."""
DARKEST: Final = 4.0
"""Levels of 255 that all light is taken to have on top: what is black has no ratio."""
_EYES: Final = (mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING)
_LIPS: Final = (*mesh.UPPER_OUTER_LIP, *reversed(mesh.LOWER_OUTER_LIP))


def skin_colour(portrait: Portrait) -> F32:
    """Return the median colour (3,) RGB, 0..255, of the face between brows and chin, eyes and lips left out."""
    colours = portrait.rgb[_skin(portrait) > 0]
    if len(colours) == 0:
        colours = portrait.rgb.reshape(-1, 3)
    return np.asarray(np.median(colours, axis=0), np.float32)


def skin_gain(portrait: Portrait, like: Portrait) -> F32:
    """Return the gain (3,) per channel that brings one portrait's skin to another's, not yet limited."""
    return (np.maximum(skin_colour(like), 1) / np.maximum(skin_colour(portrait), 1)).astype(np.float32)


def match_skin(portrait: Portrait, like: Portrait) -> Portrait:
    """Return a portrait lit as another one is, so that its skin has the same colours, each within `MAX_GAIN`.

    Where both show the face alike, contrast is matched first: eyes and lashes are too dark or too pale where skin alone
    is. Then light from another side is matched place by place, by a gain that changes slowly across the face. A face
    that is turned or moved is lit otherwise in the same light, so there its whole skin alone is matched.
    """
    small, like = _measurable(portrait), _measurable(like)
    alike, exponent = _contrast(small, like)
    curve = np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    portrait, small = (replace(seen, rgb=np.asarray(cv2.LUT(seen.rgb, curve), np.uint8)) for seen in (portrait, small))
    limit = math.log(MAX_GAIN)
    gain = np.log(skin_gain(small, like)).clip(-limit, limit)
    chosen = _at_landmarks(_skin(small), small) & _at_landmarks(_skin(like), like) > 0
    off = np.float32(alike) * (_light(like) - _light(small) - gain)[chosen].clip(-limit, limit)
    return replace(portrait, rgb=_lit(portrait, gain, portrait.landmarks_px[chosen, :2], off))


def _measurable(portrait: Portrait) -> Portrait:
    """Return a portrait whose face is `MEASURED_PX` high or less: its light is seen as well, many times quicker."""
    share = MEASURED_PX / _face_px(portrait)
    if share >= 1:
        return portrait
    rgb = cv2.resize(portrait.rgb, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    landmarks = (portrait.landmarks_px * np.float32(share)).astype(np.float32)
    return replace(portrait, rgb=np.asarray(rgb, np.uint8), landmarks_px=landmarks)


def _lit(portrait: Portrait, gain: F32, places: F32, off: F32) -> U8:
    """Return a portrait's picture, its light changed by a gain (3,) and by what (n, 2) places are off (n, 3) that.

    Gain and differences are logarithms.
    """
    height, width = portrait.rgb.shape[:2]
    reach = REACH * _face_px(portrait)
    step = max(1, round(reach / 2))
    across, down = (
        np.exp(-(((np.arange(0, side + step, step)[:, None] - places[:, axis]) / reach) ** 2) / 2)
        for axis, side in enumerate((width, height))
    )
    sure = down @ across.T + SURE
    limit = math.log(MAX_GAIN)
    nodes = [(gain[c] + (down * off[:, c]) @ across.T / sure).clip(-limit, limit) for c in range(3)]
    # The first node lies on the first pixel, where enlarging puts it half a step further in.
    lighter = cv2.resize(np.exp(np.stack(nodes, axis=-1)).astype(np.float32), None, fx=step, fy=step)
    half = step // 2
    lighter = lighter[half : half + height, half : half + width]
    return np.asarray(cv2.multiply(portrait.rgb, lighter, dtype=cv2.CV_8U), np.uint8)


def _contrast(portrait: Portrait, like: Portrait) -> tuple[float, float]:
    """Return how far two portraits show a face alike, 0..1, and the exponent that gives one the contrast of the other.

    Brows, lips and nose stand out from the skin around them: by the same pattern, if they are lit and held alike.
    """
    openings = (*_EYES, mesh.MOUTH_OPENING)  # what these show depends on how far they are open
    masks = [_at_landmarks(_face(seen, without=openings), seen) for seen in (portrait, like)]
    chosen = masks[0] & masks[1] > 0
    if not chosen.any():
        return 0.0, 1.0
    own, wanted = (_relief(seen, chosen) for seen in (portrait, like))
    own_spread, wanted_spread = float(own.std()), float(wanted.std())
    correlation = float(np.mean(own * wanted)) / max(own_spread * wanted_spread, PLAIN**2)
    alike = min(max((correlation - UNLIKE) / (ALIKE - UNLIKE), 0.0), 1.0)
    off = math.log(math.hypot(wanted_spread, PLAIN) / math.hypot(own_spread, PLAIN))
    surely = alike * math.copysign(max(abs(off) - SAME_CONTRAST, 0), off)
    return alike, min(max(math.exp(surely), 1 / MAX_CONTRAST), MAX_CONTRAST)


def _relief(portrait: Portrait, chosen: NDArray[np.bool_]) -> F32:
    """Return how much the logarithm of light at n chosen landmarks (478,) stands out from that around them, mean 0."""
    light = _light(portrait).mean(axis=1)[chosen]
    points = portrait.landmarks_px[chosen, :2] / np.float32(REACH * _face_px(portrait))
    near = np.exp(-((points[:, None] - points) ** 2).sum(axis=2) / 2)
    relief = light - near @ light / near.sum(axis=1)
    return np.asarray(relief - relief.mean(), np.float32)


def _light(portrait: Portrait) -> F32:
    """Return the logarithm of the colours (478, 3) around each landmark."""
    side = max(1, round(PATCH * _face_px(portrait)))
    patches = np.asarray(cv2.blur(portrait.rgb, (side, side)), np.uint8)
    return np.asarray(np.log(_at_landmarks(patches, portrait) + np.float32(DARKEST)), np.float32)


def _at_landmarks(picture: U8, portrait: Portrait) -> U8:
    """Return what a picture (height, width[, 3]) of a portrait's size shows at each landmark."""
    height, width = picture.shape[:2]
    columns, rows = np.rint(portrait.landmarks_px[:, :2]).astype(np.int64).clip(0, (width - 1, height - 1)).T
    return np.asarray(picture[rows, columns], np.uint8)


def _skin(portrait: Portrait) -> U8:
    """Return (height, width): 1 on the face between brows and chin, away from its outline, eyes and lips."""
    return _face(portrait, without=(*_EYES, _LIPS))


def _face(portrait: Portrait, without: Sequence[Sequence[int]]) -> U8:
    """Return (height, width): 1 on the face away from its outline and from some of its parts, 0 elsewhere."""
    points = np.rint(portrait.landmarks_px[:, :2]).astype(np.int32)
    face: U8 = np.zeros(portrait.rgb.shape[:2], np.uint8)
    cv2.fillPoly(face, [points[list(mesh.OVAL)]], 1)
    edge = np.ones((max(1, _face_px(portrait) // 12) | 1,) * 2, np.uint8)
    face = np.asarray(cv2.erode(face, edge, borderValue=0), np.uint8)
    parts = np.zeros_like(face)
    for part in without:
        cv2.fillConvexPoly(parts, cv2.convexHull(points[list(part)]), 1)
    face[cv2.dilate(parts, edge) > 0] = 0
    return face


def _face_px(portrait: Portrait) -> int:
    """Return how high the face is in its photo, or how wide."""
    return int(np.ptp(portrait.landmarks_px[list(mesh.OVAL), :2], axis=0).max())
