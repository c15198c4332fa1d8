"""What an opening mouth shows: the photo's own teeth where there are any, else drawn ones, in a dark cavity.

Upper teeth are rigid with the skull and lower teeth with the jaw, so lips slide over them; nothing is stretched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np

from avatar.errors import ModelError
from avatar.face import mesh
from avatar.face.pose import to_head_frame, to_pixels
from avatar.generator.overlay import overlay
from avatar.resources import resource_folder
from avatar.types import F32, U8, HeadPose

OWN_TEETH_GAP: Final = 0.05
"""Inner-lip opening, in mouth widths, from which the photo's own mouth is worth showing."""
LIT_SKIN: Final = np.array([196.0, 150.0, 126.0], np.float32)
"""RGB of skin in whose light the drawn teeth look as they were drawn."""
CAST_SHARE: Final = 0.25
"""Share of a photo's colour cast that is believed to be light rather than skin."""
TEETH_SHADE: Final = 0.85
"""Teeth lie behind the lips: they get this share of the face's light."""
LIP_SHADOW: Final = 0.45
"""How dark the upper lip's shadow is where it starts, and how far it reaches as a share of the opening."""
MIN_GAP_PX: Final = 0.75
ENLARGED: Final = 2.0
"""How much larger than in the resting picture drawn teeth are kept: sharp, and without jagged edges."""


@dataclass(frozen=True, slots=True)
class Teeth:
    """One drawn part of the mouth (`assets/README.md` says how it is registered)."""

    rgba: F32
    """(height, width, 4), premultiplied, 0..255."""
    anchor_px: F32
    """(2,), the pixel that lies at `anchor`."""
    anchor: F32
    """(2,), from the resting lip, in head units."""
    px_per_unit: float

    def shrunk(self, px_per_unit: float) -> Teeth:
        """Return the same teeth at another scale, as they are where they are drawn no larger.

        Warping picks single pixels: what is drawn much larger than it is shown would come out with jagged edges.
        """
        share = min(px_per_unit / self.px_per_unit, 1.0)
        rgba = cv2.resize(self.rgba, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        height, width = self.rgba.shape[:2]
        exact = np.array([rgba.shape[1] / width, rgba.shape[0] / height], np.float32)
        anchor_px = (self.anchor_px + np.float32(0.5)) * exact - np.float32(0.5)
        return Teeth(np.asarray(rgba, np.float32), anchor_px, self.anchor, self.px_per_unit * share)

    def placed(self, lip: F32, pose: HeadPose, origin: F32, fallen: float = 0.0) -> F32:
        """Return the (2, 3) affine map to a part of a picture, so many head units lower than at rest.

        `lip` is the lip's resting point in the head's frame (3,), `origin` the part's (x, y) in the picture.
        """
        anchor = lip.copy()
        anchor[:2] += self.anchor
        anchor[1] += fallen
        to_part = np.empty((2, 3), np.float32)
        turn = np.multiply(pose.rotation[:2, :2], pose.scale / self.px_per_unit, out=to_part[:, :2])
        to_part[:, 2] = to_pixels(anchor, pose)[:2] - origin - turn @ self.anchor_px
        return to_part


@cache
def drawn_teeth() -> tuple[Teeth, Teeth, F32]:
    """Return the shipped upper and lower teeth, drawn for close-ups, and the cavity's colour (3,).

    Raises ModelError where they are missing or damaged.
    """
    folder = resource_folder("assets") / "mouth"
    try:
        register = json.loads((folder / "mouth.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'mouth.json'} is missing or damaged: install the package again.") from error

    def part(entry: dict[str, Any]) -> Teeth:
        drawn = cv2.imread(str(folder / entry["file"]), cv2.IMREAD_UNCHANGED)
        if drawn is None:
            raise ModelError(f"{folder / entry['file']} is missing or damaged: install the package again.")
        bgra = drawn.astype(np.float32)
        return Teeth(
            rgba=np.dstack([bgra[..., 2::-1] * bgra[..., 3:] / 255, bgra[..., 3]]),
            anchor_px=np.array(entry["anchor_px"], np.float32),
            anchor=np.array(entry["anchor_from_lip_at_rest"], np.float32),
            px_per_unit=float(entry["px_per_head_unit"]),
        )

    return part(register["upper"]), part(register["lower"]), np.array(register["cavity_rgb"], np.float32)


class MouthInterior:
    """Draws the inside of one person's mouth."""

    def __init__(self, rgb: U8, rest_landmarks: F32, rest_pose: HeadPose) -> None:
        """Take the resting picture (height, width, 3) RGB, its (478, 3) landmarks in pixels, and its pose."""
        upper, lower, cavity = drawn_teeth()
        drawn_at = ENLARGED * rest_pose.scale
        self._opening = np.array(mesh.MOUTH_OPENING)
        outline = rest_landmarks[self._opening]
        face = rgb[opening_box(rest_landmarks[:, :2], rgb.shape, margin=0)]
        light = _light(face)
        self._cavity = np.rint(cavity * light).astype(np.uint8)
        head = to_head_frame(rest_landmarks, rest_pose)
        self._upper, self._lower = (
            _LitTeeth(teeth.shrunk(drawn_at), light, head[lip])
            for teeth, lip in ((upper, mesh.UPPER_LIP_CENTRE), (lower, mesh.LOWER_LIP_CENTRE))
        )
        self._own = _own_teeth(rgb, outline)
        self._rest_chin = float(head[mesh.CHIN, 1])
        # Three points of the skull at the depth of the lips fix an affine map from the resting picture to any pose.
        corners = np.array([[0, 0, 0], [0.3, 0, 0], [0, 0.3, 0]], np.float32) * rest_pose.scale
        anchors = (outline.mean(axis=0) + corners).astype(np.float32)
        self._rest_anchors = np.ascontiguousarray(anchors[:, :2])
        self._anchors_head = to_head_frame(anchors, rest_pose)

    def draw(self, picture: U8, landmarks: F32, pose: HeadPose) -> None:
        """Fill the mouth's opening of a picture (height, width, 3) RGB in place."""
        outline = landmarks[self._opening, :2]
        if not parted(outline):
            return
        rows, columns = opening_box(outline, picture.shape, margin=2)
        view = picture[rows, columns]
        if view.size == 0:
            return
        origin = np.array([columns.start, rows.start], np.float32)
        mask = np.zeros(view.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint((outline - origin) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)

        inside = np.empty_like(view)
        inside[:] = self._cavity
        jaw = to_head_frame(landmarks[mesh.CHIN], pose)[1] - self._rest_chin
        self._lower.lay(inside, pose, origin, fallen=max(float(jaw), 0.0))
        if self._own is None:
            self._upper.lay(inside, pose, origin)
        inside = _in_lip_shadow(inside, mask)
        if self._own is not None:
            anchors = to_pixels(self._anchors_head, pose)[:, :2] - origin
            to_view = cv2.getAffineTransform(self._rest_anchors, np.ascontiguousarray(anchors))
            own = np.asarray(cv2.warpAffine(self._own, to_view, view.shape[1::-1], flags=cv2.INTER_LINEAR), np.uint8)
            overlay(own, inside, into=inside)
        share = cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32) * np.float32(1 / 255)
        view[:] = cv2.blendLinear(inside, view, share, 1 - share)


class _LitTeeth:
    """Drawn teeth in the light of a face, in their place on one head."""

    def __init__(self, teeth: Teeth, light: F32, lip: F32) -> None:
        """Take the light (3,) and the lip's resting point in the head's frame (3,)."""
        lit = teeth.rgba * np.array([*(TEETH_SHADE * light), 1], np.float32)
        self._rgba = np.rint(lit).clip(0, 255).astype(np.uint8)
        self._teeth, self._lip = teeth, lip

    def lay(self, below: U8, pose: HeadPose, origin: F32, fallen: float = 0.0) -> None:
        """Lay them over a part (height, width, 3) of a picture, in place, so many head units lower than at rest.

        `origin` is the part's (x, y) in the picture.
        """
        to_part = self._teeth.placed(self._lip, pose, origin, fallen)
        laid = np.asarray(cv2.warpAffine(self._rgba, to_part, below.shape[1::-1], flags=cv2.INTER_LINEAR), np.uint8)
        overlay(laid, below, into=below)


def _in_lip_shadow(inside: U8, mask: U8) -> U8:
    """Return an opening (height, width, 3), 255 in its mask, darkened below the upper lip."""
    below = np.cumsum(mask > 127, axis=0, dtype=np.float32)
    kept = 1 - LIP_SHADOW * np.exp(below * np.float32(-3 / max(float(below.max()), 1.0)))
    return np.asarray(cv2.multiply(inside, cv2.merge([kept] * 3), dtype=cv2.CV_8U), np.uint8)


def _light(face: U8) -> F32:
    """Return the light (3,) in which a face (height, width, 3) was taken, 1 where the drawn teeth need no change."""
    bright = np.percentile(face.reshape(-1, 3), 70, axis=0) / LIT_SKIN
    level = max(float(bright.mean()), 1e-3)  # a photo may be black
    return np.clip(level * (1 + CAST_SHARE * (bright / level - 1)), 0.2, 1.2).astype(np.float32)


def _own_teeth(rgb: U8, outline: F32) -> U8 | None:
    """Return the photo's own open mouth, premultiplied RGBA of the whole picture, or None when it is closed."""
    pairs = len(mesh.UPPER_INNER_LIP)
    width = float(np.linalg.norm(outline[0, :2] - outline[pairs + 1, :2]))
    upper, lower = outline[1 : 1 + pairs, :2], outline[: pairs + 1 : -1, :2]
    if np.linalg.norm(upper - lower, axis=1).max() < OWN_TEETH_GAP * width:
        return None
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline[:, :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = max(3, round(0.03 * width)) | 1
    inner = cv2.GaussianBlur(cv2.erode(mask, np.ones((soft // 2 + 1, soft // 2 + 1), np.uint8)), (soft, soft), 0)
    return np.dstack([cv2.multiply(rgb, cv2.merge([inner] * 3), scale=1 / 255), inner]).astype(np.uint8, copy=False)


def parted(outline: F32) -> bool:
    """Return whether lips whose opening has this outline (20, 2), pixels, show anything between them."""
    pairs = len(mesh.UPPER_INNER_LIP)
    gaps = outline[1 : 1 + pairs] - outline[: pairs + 1 : -1]
    return float(np.einsum("ij,ij->i", gaps, gaps).max()) >= MIN_GAP_PX**2


def opening_box(points: F32, shape: tuple[int, ...], *, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of the box around (N, 2) points, cut to a picture's shape."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(points))
    left, top = max(0, x - margin), max(0, y - margin)
    right, bottom = min(shape[1], x + width + margin + 1), min(shape[0], y + height + margin + 1)
    return slice(top, max(top, bottom)), slice(left, max(left, right))
