"""Colour matching of portraits by their skin, so that a mouth taken from one fits the face of another."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.identity import Portrait
from avatar.types import F32, U8

MAX_GAIN: Final = 1.6
"""Colours are scaled by at most this, and at least its inverse: more would show noise and clipped light."""
_PARTS: Final = (mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING)
_LIPS: Final = (*mesh.UPPER_OUTER_LIP, *reversed(mesh.LOWER_OUTER_LIP))


def skin_colour(portrait: Portrait) -> F32:
    """Return the median colour (3,) RGB, 0..255, of the face between brows and chin, eyes and lips left out."""
    points = np.rint(portrait.landmarks_px[:, :2]).astype(np.int32)
    skin: U8 = np.zeros(portrait.rgb.shape[:2], np.uint8)
    cv2.fillPoly(skin, [points[list(mesh.OVAL)]], 1)
    face_px = int(np.ptp(points, axis=0).max())
    edge = max(1, face_px // 12) | 1
    skin = np.asarray(cv2.erode(skin, np.ones((edge, edge), np.uint8), borderValue=0), np.uint8)
    holes = np.zeros_like(skin)
    for part in (*_PARTS, _LIPS):
        cv2.fillConvexPoly(holes, cv2.convexHull(points[list(part)]), 1)
    skin[cv2.dilate(holes, np.ones((edge, edge), np.uint8)) > 0] = 0
    colours = portrait.rgb[skin > 0]
    if len(colours) == 0:
        colours = portrait.rgb.reshape(-1, 3)
    return np.asarray(np.median(colours, axis=0), np.float32)


def skin_gain(portrait: Portrait, like: Portrait) -> F32:
    """Return the gain (3,) per channel that brings one portrait's skin to another's, not yet limited."""
    return (np.maximum(skin_colour(like), 1) / np.maximum(skin_colour(portrait), 1)).astype(np.float32)


def match_skin(portrait: Portrait, like: Portrait) -> Portrait:
    """Return a portrait with its colours scaled so that its skin is that of `like`, within `MAX_GAIN`."""
    gain = np.clip(skin_gain(portrait, like), 1 / MAX_GAIN, MAX_GAIN)
    levels = np.clip(np.rint(np.arange(256)[:, None] * gain), 0, 255).astype(np.uint8)
    rgb = np.asarray(cv2.LUT(portrait.rgb, levels[None]), np.uint8)
    return replace(portrait, rgb=rgb)
