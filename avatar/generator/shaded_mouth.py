"""The mouth of the geometry tier: shaded as real mouths are, with the edges of drawn teeth where it is light enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import to_head_frame
from avatar.generator.mouth import ENLARGED, Teeth, drawn_teeth, opening_box, parted
from avatar.generator.mouth_shade import mouth_shade, mouth_shape, resting_mouth
from avatar.generator.teeth_tone import TeethTone
from avatar.types import F32, U8, HeadPose

TOOTH_UNITS: Final = 0.04
"""What is finer than this, in head units, is the edge of a tooth; coarser light is the shade's."""
LIT: Final = (0.35, 0.7)
"""Of the skin's light: where the shade begins to show teeth, and shows them whole."""
EDGE_STRENGTH: Final = 0.8
GUM, ENAMEL = 0.7, 0.85
"""Green over red of what is not a tooth at all, and of what is one."""
_OPENING: Final = np.array(mesh.MOUTH_OPENING)


@dataclass(frozen=True, slots=True)
class MouthLayer:
    """A shaded mouth, ready to be laid over a picture."""

    rows: slice
    columns: slice
    """Of the part of the picture that it covers."""
    rgb: U8
    """(height, width, 3)."""
    share: F32
    """(height, width), 0..1."""

    def lay(self, picture: U8) -> None:
        """Lay it over a picture (height, width, 3), in place."""
        view = picture[self.rows, self.columns]
        view[:] = cv2.blendLinear(self.rgb, view, self.share, 1 - self.share)

    def weaker(self, strength: float) -> MouthLayer:
        """Return so much of it, 0..1."""
        return replace(self, share=self.share * np.float32(strength))


class ShadedMouth:
    """Draws the inside of one person's mouth into the moved photo."""

    def __init__(self, rgb: U8, rest_landmarks: F32, rest_pose: HeadPose, teeth_tone: TeethTone | None = None) -> None:
        """Take the resting picture (height, width, 3) RGB, its (478, 3) landmarks in pixels, and its pose.

        `teeth_tone` is the tone of the person's teeth, where it is known.

        Raises:
            ModelError: the weights or the drawn teeth are missing.
        """
        self._resting = resting_mouth(rgb, rest_landmarks, rest_pose)
        self._shade, self._teeth_tone = mouth_shade(), teeth_tone
        lip = to_head_frame(rest_landmarks[[mesh.UPPER_LIP_CENTRE]], rest_pose)[0]
        self._teeth = drawn_teeth()[0].shrunk(ENLARGED * rest_pose.scale)
        self._lip, self._edges = lip, _edges(self._teeth)
        begins, whole = (share * float(self._resting.light.mean()) for share in LIT)
        lit = (np.arange(256) - begins) / max(whole - begins, 1.0)
        self._lit = np.rint(255 * EDGE_STRENGTH * lit.clip(0, 1)).astype(np.uint8)

    def draw(self, picture: U8, landmarks: F32, pose: HeadPose) -> None:
        """Fill the mouth's opening of the moved photo (height, width, 3) RGB in place."""
        layer = self.layer(picture, landmarks, pose)
        if layer is not None:
            layer.lay(picture)

    def layer(self, picture: U8, landmarks: F32, pose: HeadPose) -> MouthLayer | None:
        """Return what fills the mouth's opening of the moved photo (height, width, 3), None where it is shut."""
        outline = landmarks[_OPENING, :2]
        if not parted(outline):
            return None
        rows, columns = opening_box(outline, picture.shape, margin=2)
        view = picture[rows, columns]
        if view.size == 0:
            return None
        origin = np.array([columns.start, rows.start], np.float32)
        mask = np.zeros(view.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint((outline - origin) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        shape = mouth_shape(landmarks, pose, self._resting)
        shade, shaded = self._shade.draw(view, shape, self._resting, origin, self._teeth_tone)
        self._add_edges(shade, pose, origin)
        share = cv2.multiply(cv2.GaussianBlur(mask, (3, 3), 0), shaded, scale=1 / 255**2, dtype=cv2.CV_32F)
        return MouthLayer(rows, columns, shade, np.asarray(share, np.float32))

    def _add_edges(self, shade: U8, pose: HeadPose, origin: F32) -> None:
        """Show the edges of the upper teeth in a shade (height, width, 3) where it is light, in place."""
        placed = self._teeth.placed(self._lip, pose, origin)
        edges = cv2.warpAffine(self._edges, placed, shade.shape[1::-1], flags=cv2.INTER_LINEAR)
        light = cv2.LUT(cv2.cvtColor(shade, cv2.COLOR_RGB2GRAY), self._lit)
        change = cv2.multiply(light, edges, scale=1 / 255, dtype=cv2.CV_32F)
        cv2.add(shade, cv2.multiply(shade, cv2.merge([change] * 3), dtype=cv2.CV_32F), dst=shade, dtype=cv2.CV_8U)


def _edges(teeth: Teeth) -> F32:
    """Return (height, width): how much lighter each place of teeth is than its surroundings, as a share of those."""
    # Gums are red: their scallops on a smooth shade would look like the roots of long teeth.
    white = np.clip((teeth.rgba[..., 1] / np.maximum(teeth.rgba[..., 0], 1) - GUM) / (ENAMEL - GUM), 0, 1)
    alpha = teeth.rgba[..., 3] * white * np.float32(1 / 255)
    light = teeth.rgba[..., :3].mean(axis=2) * white
    blur = (0, 0), TOOTH_UNITS * teeth.px_per_unit / 2
    around, cover = cv2.GaussianBlur(light, *blur), cv2.GaussianBlur(alpha, *blur)
    ratio = light / np.maximum(alpha, 1e-3) / np.maximum(around / np.maximum(cover, 1e-3), 1)
    return np.asarray((ratio - 1) * np.minimum(alpha, cover) ** 2, np.float32)
