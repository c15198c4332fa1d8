"""The person's matte, and the background plate as it would be without the person."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.generator.mirrored_background import mirrored
from avatar.perception.native_log import quiet_start
from avatar.types import F32, U8

GUIDE_RADIUS: Final = 0.008
"""Radius of the edge-aware refinement as a share of the matte's longer side."""
GUIDE_EPSILON: Final = 1e-4
LIGHT_MARGINS, SHARP_MARGINS = 1.2, 0.15
"""What changes over more margins than that is a background's light, over fewer than this it is sharp."""
SHARP: Final = (1.0, 4.0)
"""Levels of what is sharp about a place from which its detail is believed, and believed wholly."""
RELAXATIONS: Final = 12
"""Steps towards the membrane at each level of a fill."""
NEIGHBOURS: Final = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def person_matte(rgb: U8, model_path: Path) -> U8:
    """Return the person's matte, (height, width), 255 person, from MediaPipe's selfie segmentation, edges refined.

    The segmenter works at 256 x 256, so hand it the head and shoulders rather than a whole landscape.
    """
    import mediapipe as mp  # noqa: PLC0415 - a second to import
    from mediapipe.tasks.python import BaseOptions, vision  # noqa: PLC0415

    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(model_path)), output_confidence_masks=True
    )
    with quiet_start():
        segmenter = vision.ImageSegmenter.create_from_options(options)
        try:
            result = segmenter.segment(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb)))
            confidence = np.array(result.confidence_masks[0].numpy_view(), np.float32).squeeze()
        finally:
            segmenter.close()
    return refine_matte(rgb, confidence)


def refine_matte(rgb: U8, confidence: F32) -> U8:
    """Snap a soft, coarse matte to the picture's edges with a guided filter (He et al., ECCV 2010).

    Args:
        rgb: (height, width, 3), RGB.
        confidence: (height, width), 0..1.
    """
    radius = max(2, round(max(rgb.shape[:2]) * GUIDE_RADIUS))
    guide = rgb.astype(np.float32) / 255
    refined = cv2.ximgproc.guidedFilter(guide, confidence, radius, GUIDE_EPSILON)
    # The filter leaves a faint veil far from the edge; only the edge itself may be half transparent.
    crisp = np.clip((refined - 0.25) / 0.5, 0, 1)
    return np.asarray(np.rint(crisp * 255), np.uint8)


def background_plate(rgb: U8, matte: U8, margin_px: int) -> U8:
    """Return `rgb` with the person replaced by a continuation of the background around them.

    Colours to continue from are taken well clear of the person, where no rim of hair or glow of clothes is left; the
    photo itself is kept almost up to the person, so that at rest nothing around them changes.

    Args:
        rgb: (height, width, 3), RGB.
        matte: (height, width), 255 person.
        margin_px: how far from the person the photo is free of them.
    """
    person = (matte > 8).astype(np.uint8)
    hidden = _widen(person, margin_px)
    filled = fill(rgb, hidden == 0)
    mirrors = mirrored(_detail(filled, margin_px), hidden, margin_px)
    near = _widen(person, max(1, margin_px // 3)).astype(np.float32)
    share = cv2.blur(near, (margin_px | 1, margin_px | 1))
    share = np.clip(2 * share, 0, 1)[..., None]  # all filled where the person is, all photo beyond the margin
    return np.asarray(np.clip(np.rint(rgb + share * (filled + mirrors - rgb)), 0, 255), np.uint8)


def _detail(rgb: U8, margin_px: int) -> F32:
    """Return what a background has beyond its light, (height, width, 3), where it is sharp: a blurred one has haze."""
    sharp = cv2.absdiff(rgb, _blurred(rgb, SHARP_MARGINS * margin_px)).max(axis=2)
    least, most = SHARP
    share = np.clip((_blurred(sharp, margin_px).astype(np.float32) - least) / (most - least), 0, 1)
    return np.asarray(share[..., None] * (rgb.astype(np.float32) - _blurred(rgb, LIGHT_MARGINS * margin_px)))


def _blurred(picture: U8, sigma_px: float) -> U8:
    height, width = picture.shape[:2]
    coarser = max(int(sigma_px / 3), 1)
    small = cv2.resize(picture, (max(width // coarser, 1), max(height // coarser, 1)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma_px / coarser)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _widen(mask: U8, by_px: int) -> U8:
    """Return a 0/1 mask grown by a disc."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by_px + 1, 2 * by_px + 1))
    return np.asarray(cv2.dilate(mask, disc), np.uint8)


def foreground_colours(rgb: U8, matte: U8) -> U8:
    """Return `rgb` with the person's own colours continued past their edge: no background clings to it."""
    return fill(rgb, matte > 128)


def fill(rgb: U8, known: np.ndarray) -> U8:
    """Fill the unknown pixels from the known ones: a membrane stretched over the hole, so that its border is not seen.

    By push-pull (Gortler et al., SIGGRAPH 1996, section 5), each level halving the picture until nothing is unknown,
    and relaxed on the way back: push-pull alone leaves a step at the border wherever the background has a gradient.

    Args:
        rgb: (height, width, 3), RGB.
        known: (height, width), bool.
    """
    weight = known.astype(np.float32)
    if weight.all():
        return rgb
    if not weight.any():
        return np.full_like(rgb, 128)
    filled = _push_pull(rgb.astype(np.float32) * weight[..., None], weight)
    out = np.where(known[..., None], rgb, np.clip(np.rint(filled), 0, 255).astype(np.uint8))
    return np.ascontiguousarray(out)


def _push_pull(colour: F32, weight: F32) -> F32:
    """Return filled colours for premultiplied `colour` (h, w, 3) and its `weight` (h, w)."""
    height, width = weight.shape
    if weight.min() > 0 or min(height, width) <= 2:
        average = colour.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
        own = colour / np.maximum(weight, 1e-6)[..., None]
        return np.where(weight[..., None] > 0, own, average).astype(np.float32)
    half = (max(1, width // 2), max(1, height // 2))
    coarse = _push_pull(
        np.asarray(cv2.resize(colour, half, interpolation=cv2.INTER_AREA), np.float32),
        np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32),
    )
    below = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    share = cv2.merge([np.minimum(weight, 1)] * 3)
    free = 1 - share
    filled = cv2.add(colour, cv2.multiply(free, below))
    for _ in range(RELAXATIONS):
        cv2.filter2D(filled, -1, NEIGHBOURS, dst=below, borderType=cv2.BORDER_REPLICATE)
        cv2.multiply(free, below, dst=below)
        cv2.add(colour, below, dst=filled)
    return np.asarray(filled, np.float32)
