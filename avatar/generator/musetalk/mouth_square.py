"""The square of a picture whose lower half MuseTalk draws, and how what it draws is laid back, from our landmarks.

    temple +-----------------+   the face's width wide, upright with the face
           |   eyes          |
           |       nose      |   the middle: the bridge of the nose, two thirds down to its tip
           |      mouth      |   below it all is hidden from the network, and drawn anew
           +------chin-------+   a little below the chin

Its own program takes the same places from 68 landmarks (number 29, the outline's lowest and outermost points).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.musetalk import SIDE
from avatar.types import F32, U8

MIDDLE: Final = 195
"""On the bridge of the nose."""
BELOW_CHIN: Final = 10 / SIDE
"""Room under the chin for a jaw that opens, as a share of the square's height: version 1.5 adds 10 pixels."""
RIM_PX: Final = 10
"""Width of the soft edge between what is drawn and what was there, pixels of the square."""
OUTLINE: Final = mesh.OVAL[6:31]
"""From temple to temple, without the forehead."""


@dataclass(frozen=True, slots=True)
class MouthSquare:
    """Where a face's square lies in a picture."""

    to_square: F32
    """(2, 3), from the picture's pixels to the square's."""
    share: U8
    """(256, 256), of 255: how much of each pixel of the square is taken from what is drawn."""


def mouth_square(landmarks_px: F32) -> MouthSquare:
    """Return the square around a face, (478, 2 or 3) landmarks in pixels of its picture."""
    points = np.asarray(landmarks_px[:, :2], np.float64)
    right, left = points[mesh.OUTER_EYE_CORNERS[0]], points[mesh.OUTER_EYE_CORNERS[1]]
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
    upright = np.array([across, [-across[1], across[0]]])  # rows: across the face as seen, and down it
    outline = points[list(OUTLINE)] @ upright.T
    begin, end = outline[:, 0].min(), outline[:, 0].max()
    middle, chin = (upright @ points[MIDDLE])[1], outline[:, 1].max()
    height = 2 * max(chin - middle, 1.0)
    top = chin - height
    height *= 1 + BELOW_CHIN
    scale = np.array([SIDE / max(end - begin, 1.0), SIDE / height])
    turn = upright * scale[:, None]
    shift = -np.array([begin, top]) * scale
    to_square = np.hstack([turn, shift[:, None]])
    lower = points[list(OUTLINE)] @ to_square[:, :2].T + to_square[:, 2]
    return MouthSquare(to_square.astype(np.float32), _share(lower))


def lay_back(picture: U8, drawn: U8, square: MouthSquare) -> U8:
    """Return a picture (height, width, 3) RGB, or with premultiplied alpha, with a drawn square laid over its mouth."""
    height, width = picture.shape[:2]
    back = np.linalg.inv(np.vstack([square.to_square.astype(np.float64), [0, 0, 1]]))[:2]
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]]) @ back.T
    low = np.clip(np.floor(corners.min(axis=0)), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, [width, height]).astype(int)
    (x, y), (x_end, y_end) = low.tolist(), high.tolist()
    if x_end <= x or y_end <= y:
        return picture
    back[:, 2] -= low
    size = x_end - x, y_end - y
    over = cv2.warpAffine(drawn, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(square.share, back, size, flags=cv2.INTER_LINEAR)
    finished = picture.copy()
    part = finished[y:y_end, x:x_end]
    if picture.shape[2] == 4:
        alpha = cv2.merge([cv2.extractChannel(part, 3)] * 3)
        over = cv2.multiply(over, alpha, scale=1 / 255)
    rgb = np.ascontiguousarray(part[..., :3])
    weight = cv2.merge([share] * 3)
    kept = cv2.multiply(rgb, cv2.bitwise_not(weight), scale=1 / 255)
    part[..., :3] = cv2.add(kept, cv2.multiply(over, weight, scale=1 / 255))
    return finished


def _share(outline: F32) -> U8:
    """Return the drawn share of a square whose face has this outline, (25, 2) pixels of it from temple to temple."""
    inside = np.zeros((SIDE, SIDE), np.uint8)
    centre = np.array([outline[:, 0].mean(), SIDE / 2])
    # Down to the square's lower edge, as a jaw that opens reaches beneath the chin at rest.
    reach = np.array([1.0, (SIDE - SIDE / 2) / max(float(outline[:, 1].max()) - SIDE / 2, 1.0)])
    wider = centre + (outline - centre) * reach
    cv2.fillPoly(inside, [np.round(wider).astype(np.int32)], 255)
    reached = RIM_PX + 1  # that the blur does not reach the middle and the border
    inside[: SIDE // 2 + RIM_PX] = 0
    inside[:, :reached] = inside[:, -reached:] = 0
    inside[-reached:] = 0
    return np.asarray(cv2.GaussianBlur(inside, (2 * RIM_PX + 1, 2 * RIM_PX + 1), RIM_PX / 2), np.uint8)
