"""Light and colour inside an opening mouth, as real mouths have them: dark with depth, teeth under the lip's shadow.

A small network, fitted on real mouths (`models/mouth_shade.md`), says for a place between the lips how bright it is,
and how much of the photo's own pixels show there, stretched as the lips are. It is asked on a coarse grid: what it
draws is smooth, edges of teeth come from elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import rotation_vector, to_head_frame
from avatar.generator.references import ALIKE, OPEN_ENOUGH
from avatar.generator.teeth_tone import TeethTone
from avatar.resources import load_weights
from avatar.types import F32, U8, HeadPose

WEIGHTS: Final = "mouth_shade.safetensors"
COLUMNS: Final = 20
ROWS: Final = 10
"""Of the grid over the opening's box; a mouth's light changes no faster."""
BRIGHTEST: Final = 1.3
"""Of the skin's light, what the inside can reach."""
LARGEST_LOGIT: Final = 30
"""Beyond it all is black or white."""
FEATURES: Final = 25
MOST_OPEN: Final = 1.5
"""A photo's mouth that is wider open than the frame's by more than this tells no more."""
AS_OPEN: Final = 15
"""The feature that says how far the photo's mouth is open beside the frame's."""
MIRRORED: Final = (0, 14)
"""Features that change their sign when a face is mirrored: the place across, and the turn to the side."""
_GRID: Final = np.indices((ROWS, COLUMNS), np.float32)[::-1].reshape(2, -1).T
"""(ROWS * COLUMNS, 2), column and row of each node."""
_OPENING: Final = np.array(mesh.MOUTH_OPENING)
_CORNERS: Final = np.array(mesh.MOUTH_CORNERS)
_UPPER: Final = np.array([mesh.MOUTH_CORNERS[0], *mesh.UPPER_INNER_LIP, mesh.MOUTH_CORNERS[1]])
_LOWER: Final = np.array([mesh.MOUTH_CORNERS[0], *mesh.LOWER_INNER_LIP, mesh.MOUTH_CORNERS[1]])
_SEEN: Final = np.concatenate([_UPPER, _LOWER, [mesh.CHIN]])
_AROUND: Final = np.concatenate([np.arange(len(_UPPER)), np.arange(len(_SEEN) - 3, len(_UPPER), -1)])
"""Those of `_SEEN` that are the opening's outline."""
_MEAN: Final = (np.bincount(_AROUND, minlength=len(_SEEN)) / len(_AROUND)).astype(np.float32)
"""To take its mean by; numpy's own takes longer."""
_OUTER: Final = np.array(mesh.LIPS_OUTLINE)


@dataclass(frozen=True, slots=True)
class RestingMouth:
    """What one photo says of the mouth it shows; lengths in head units."""

    upper_y: float
    lower_y: float
    """Of the lips' inner edges, in the head's frame."""
    chin_y: float
    width: float
    lips: F32
    """(20, 2), the opening's outline from the front, around its middle."""
    opening: float
    """How far the lips are parted where they are widest apart."""
    light: F32
    """(3,) RGB of the face's lit skin, levels of 255."""
    colours: F32
    """(6,): how light the skin is, how red and blue, and the lips' colour beside it."""

    @property
    def level(self) -> float:
        """The mean of `light`; a photo may be black, and is taken for a little lighter."""
        return max(float(sum(self.light.tolist())) / 3, 4.0)


def resting_mouth(rgb: U8, landmarks: F32, pose: HeadPose) -> RestingMouth:
    """Look at the mouth of a resting photo (height, width, 3) with (478, 3) landmarks in pixels."""
    head = to_head_frame(landmarks, pose)
    low = np.maximum(np.floor(landmarks[:, :2].min(axis=0)).astype(int), 0)
    high = np.ceil(landmarks[:, :2].max(axis=0)).astype(int) + 1
    light = np.percentile(rgb[low[1] : high[1], low[0] : high[0]].reshape(-1, 3), 70, axis=0)
    level = max(float(light.mean()), 4.0)  # a photo may be black
    lips = _lip_colour(rgb, landmarks)
    width = float(np.linalg.norm(head[_CORNERS[0], :2] - head[_CORNERS[1], :2]))
    outline = head[_OPENING, :2]
    skin = (np.log(level / 160), light[0] / level - 1.2, light[2] / level - 0.8)
    return RestingMouth(
        upper_y=float(head[mesh.UPPER_LIP_CENTRE, 1]),
        lower_y=float(head[mesh.LOWER_LIP_CENTRE, 1]),
        chin_y=float(head[mesh.CHIN, 1]),
        width=width,
        lips=outline - outline.mean(axis=0),
        opening=float((head[_LOWER, 1] - head[_UPPER, 1]).max()),
        light=light.astype(np.float32),
        colours=np.array([*skin, *(lips / level - 0.7)], np.float32),
    )


@dataclass(frozen=True, slots=True)
class MouthShape:
    """How one frame's mouth is open, seen from the front, head units."""

    upper: F32
    lower: F32
    """(11, 2), the inner edges of the lips from corner to corner, x rising."""
    features: F32
    """(9,), what the whole mouth has in common."""
    fallen: float
    """How far the jaw has fallen since the photo."""
    likeness: float
    """How much the mouth is open as it is in the photo, 0..1."""
    to_picture: F32
    """(2, 3), affine, to the frame's pixels."""


def mouth_shape(landmarks: F32, pose: HeadPose, resting: RestingMouth) -> MouthShape:
    """Return the shape of the mouth of (478, 3) landmarks in pixels."""
    seen = landmarks[_SEEN]
    front = to_head_frame(seen, pose)[:, :2]
    upper, lower = front[:11], front[11:22]
    opening = float((lower[:, 1] - upper[:, 1]).max())
    width = math.hypot(*(upper[0] - upper[-1]).tolist())
    fallen = float(front[22, 1]) - resting.chin_y
    raised, lowered = float(upper[5, 1]) - resting.upper_y, float(lower[5, 1]) - resting.lower_y
    pitch, yaw, _ = rotation_vector(pose.rotation)
    middle = _MEAN @ front
    to_picture = np.empty((2, 3), np.float32)
    turn = np.multiply(pose.rotation[:2, :2], pose.scale, out=to_picture[:, :2])
    to_picture[:, 2] = (_MEAN @ seen)[:2] - turn @ middle
    as_open = min(resting.opening / max(opening, 0.01), MOST_OPEN)
    return MouthShape(
        upper=upper[np.argsort(upper[:, 0])],
        lower=lower[np.argsort(lower[:, 0])],
        features=np.array(
            [opening, width, width / max(resting.width, 1e-3) - 1, fallen, raised, lowered, pitch, yaw, as_open],
            np.float32,
        ),
        fallen=fallen,
        likeness=_likeness(front[_AROUND] - middle, opening, resting),
        to_picture=to_picture,
    )


def _likeness(lips: F32, opening: float, resting: RestingMouth) -> float:
    """Return how much lips (20, 2), so far parted, are like the photo's: what the photo shows is then what is there."""
    apart = lips - resting.lips
    alike = max(0.0, 1 - float(np.vdot(apart, apart)) / ALIKE["mouth"])
    begins, whole = OPEN_ENOUGH
    return alike * min(max((resting.opening / max(opening, 1e-6) - begins) / (whole - begins), 0.0), 1.0)


def place_features(places: F32, moved: F32 | U8, shape: MouthShape, resting: RestingMouth) -> F32:
    """Return (n, FEATURES) of (n, 2) places, from the front in head units.

    `moved` (n, 3) is what the moved photo shows there, blurred over a cell of the grid, levels of 255.
    """
    x, y = np.ascontiguousarray(places.T)
    above = np.interp(x, shape.upper[:, 0], shape.upper[:, 1])
    below = np.interp(x, shape.lower[:, 0], shape.lower[:, 1])
    left, right = shape.upper[[0, -1], 0].tolist()
    half = max(float(shape.features[1]) / 2, 0.05)
    by_feature = np.empty((FEATURES, len(places)), np.float32)
    across = np.subtract(x, (left + right) / 2, out=by_feature[0])
    np.square(across / half, out=by_feature[1])
    np.subtract(y, above, out=by_feature[2])
    np.subtract(below, y, out=by_feature[3])
    np.subtract(y, resting.upper_y, out=by_feature[4])
    np.subtract(y, resting.lower_y + max(shape.fallen, 0.0), out=by_feature[5])
    np.subtract(below, above, out=by_feature[6])
    by_feature[7:22] = np.concatenate([shape.features, resting.colours])[:, None]
    np.multiply(moved.T, 1 / resting.level, out=by_feature[22:])
    return by_feature.T


def own_limit(as_open: F32) -> F32:
    """Return how much of the photo's own pixels may show (n,): those of a mouth less open are stretched teeth."""
    return np.asarray(np.square(np.minimum(np.maximum(1.25 * as_open, 0), 1)), np.float32)


def cell_blur(shape: MouthShape) -> int:
    """Return the side of the box, in the frame's pixels, odd, over which the moved photo is blurred for the grid."""
    across = math.hypot(*shape.to_picture[:, 0].tolist()) * float(shape.features[1])
    return max(1, round(across / COLUMNS)) | 1


class MouthShade:
    """The fitted network: two hidden layers of ReLU, colours and the photo's share."""

    def __init__(self, weights: dict[str, F32]) -> None:
        """Take the arrays of the weights file; inputs are brought to mean 0 and deviation 1 in the first layer."""
        spread = weights["spread"]
        self._layers = [
            (
                weights["first.weight"].T / spread[:, None],
                weights["first.bias"] - weights["first.weight"] @ (weights["mean"] / spread),
            ),
            (weights["second.weight"].T, weights["second.bias"]),
            (-weights["last.weight"].T, -weights["last.bias"]),  # so that `exp` need not turn their sign
        ]

    def __call__(self, features: F32, light: F32) -> U8:
        """Return (n, 4) for (n, FEATURES): RGB in the skin's light (3,), and the share of the moved photo, 0..255."""
        hidden = features
        for number, (weight, bias) in enumerate(self._layers):
            hidden = hidden @ weight
            hidden += bias
            if number < 2:
                np.maximum(hidden, 0, out=hidden)
        shares = 1 / (1 + np.exp(np.minimum(np.maximum(hidden, -LARGEST_LOGIT), LARGEST_LOGIT)))
        shares[:, :3] *= BRIGHTEST * light
        shares[:, 3] *= 255 * own_limit(features[:, AS_OPEN])
        return np.asarray(cv2.convertScaleAbs(shares), np.uint8)

    def draw(
        self, view: U8, shape: MouthShape, resting: RestingMouth, origin: F32, teeth_tone: TeethTone | None = None
    ) -> tuple[U8, U8]:
        """Return what shades a mouth in a part (height, width, 3) of the moved photo, and its share, 0..255.

        `origin` is the part's (x, y) in the pixels of `shape.to_picture`, `teeth_tone` what teeth are brought to.
        """
        (left, right), top, bottom = shape.upper[[0, -1], 0].tolist(), shape.upper[:, 1].min(), shape.lower[:, 1].max()
        low = np.array([left, top], np.float32)
        step = np.array([max(right - left, 1e-3) / (COLUMNS - 1), max(bottom - top, 1e-3) / (ROWS - 1)], np.float32)
        turn, to_view = shape.to_picture[:, :2], np.empty((2, 3), np.float32)
        np.multiply(turn, step, out=to_view[:, :2])
        to_view[:, 2] = turn @ low + shape.to_picture[:, 2] - origin
        side = cell_blur(shape)
        soft = cv2.warpAffine(
            cv2.blur(view, (side, side)),
            to_view,
            (COLUMNS, ROWS),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        features = place_features(_GRID * step + low, np.asarray(soft, np.uint8).reshape(-1, 3), shape, resting)
        nodes = self(features, resting.light)
        np.maximum(nodes[:, 3], round(255 * shape.likeness), out=nodes[:, 3])
        size = (view.shape[1], view.shape[0])
        nodes = nodes.reshape(ROWS, COLUMNS, 4)
        if teeth_tone is not None:
            nodes[..., :3] = teeth_tone.lifted(np.ascontiguousarray(nodes[..., :3]))
        spread = cv2.warpAffine(nodes, to_view, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.bitwise_not(cv2.extractChannel(spread, 3))
        return np.asarray(cv2.cvtColor(spread, cv2.COLOR_RGBA2RGB), np.uint8), np.asarray(share, np.uint8)


@cache
def mouth_shade() -> MouthShade:
    """Return the shipped network.

    Raises:
        ModelError: the weights file is missing or damaged.
    """
    return MouthShade(load_weights(WEIGHTS))


def _lip_colour(rgb: U8, landmarks: F32) -> F32:
    """Return the median RGB (3,) of the lips of a photo, of the whole photo where they cannot be seen."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(landmarks[_OUTER, :2]).astype(np.int32)], 255)
    cv2.fillPoly(mask, [np.rint(landmarks[_OPENING, :2]).astype(np.int32)], 0)
    seen = rgb[mask > 0] if mask.any() else rgb.reshape(-1, 3)
    return np.asarray(np.median(seen, axis=0), np.float32)
