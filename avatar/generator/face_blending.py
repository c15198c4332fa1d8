"""How the moved face's flow is laid into the map of what is around it, so that no seam shows."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.generator.face_flow import COARSER, FaceFlow, MovedMesh
from avatar.types import F32

FEATHER: Final = 0.05
"""Width, in head units, of the band inside the face's outline where mesh flow and shell flow are blended."""
AT_OUTLINE: Final = 0.55
"""Share of a square around the outline that counts as face: polygons are painted half a pixel too large."""


def lay_face(around: F32, face: FaceFlow, unit_px: float) -> None:
    """Lay the face's flow over a map (2, height, width) of what is around it, in place; see `lay_in_box`."""
    left, top, right, bottom = face.box(1)
    lay_in_box(around[:, top:bottom, left:right], face, unit_px)


def lay_in_box(around: F32, face: FaceFlow, unit_px: float) -> F32:
    """Lay the face's flow over a map of what is around it in the flow's own box (2, height, width), in place.

    The seam is 0 at the face's outline and all mesh a band further in; `unit_px` is a head unit at rest in pixels of
    the map. Returns the face's share, (height, width), 0..1.
    """
    # Of a square around the outline half is face, of one around a pixel the band's width further in all of it.
    width = max(3, round(2 * FEATHER * unit_px)) | 1
    inside = face.covered if face.share is None else face.share
    within = np.asarray(cv2.blur(inside, (width, width), borderType=cv2.BORDER_CONSTANT), np.float32)
    share: F32 = np.maximum((within - AT_OUTLINE) / (1 - AT_OUTLINE), 0) * face.covered
    _blend(face.places, around, share)
    return share


def lay_fine_parts(places: F32, coarse: FaceFlow, share: F32, moved: MovedMesh, origin: tuple[int, int]) -> None:
    """Lay lids and lips at full resolution over a backward map that holds the face (2, height, width), in place.

    `coarse` is the face's flow every `COARSER` pixels of it, `share` what `lay_in_box` returned, and `origin` the
    picture's pixel (x, y) at which the map begins.
    """
    left, top, right, bottom = coarse.box(COARSER)
    for fine in moved.fine_flows((left, top, right, bottom), COARSER):
        x, y, x_end, y_end = fine.box(1)
        of_part = share[
            (y - top) // COARSER : (y_end - top) // COARSER, (x - left) // COARSER : (x_end - left) // COARSER
        ]
        weight = cv2.resize(of_part, (x_end - x, y_end - y), interpolation=cv2.INTER_LINEAR) * fine.covered
        first_x, first_y = origin
        _blend(fine.places, places[:, y - first_y : y_end - first_y, x - first_x : x_end - first_x], weight)


def _blend(over: F32, below: F32, share: F32) -> None:
    """Lay a share (height, width) of one map (2, height, width) over another, in place."""
    rest = 1 - share
    for plane, under in zip(over, below, strict=True):
        cv2.blendLinear(plane, under, share, rest, dst=under)
