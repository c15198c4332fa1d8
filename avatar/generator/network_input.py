"""The network's input for one frame: the head crop as geometry draws it, region masks, sampling grid, condition.

Training and the running generator both come through here, so the network meets at work what it was trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import fit_pose
from avatar.generator.eyes import Eyeballs
from avatar.generator.face_blending import lay_face
from avatar.generator.face_crop import CROP_SIZE, SEAM
from avatar.generator.face_flow import FaceMesh
from avatar.generator.framing import Window
from avatar.generator.mouth import MouthInterior
from avatar.generator.sampling import sample
from avatar.generator.shell import STEP_PX, HeadShell
from avatar.types import BLENDSHAPES, F32, U8, HeadPose

REGIONS: Final = ("mouth", "eyes", "iris", "face", "head")
"""Channels of the region masks: inside the lips, inside the lids, the irises, the skin, the head and what is around."""
HEAD_REACH: Final = 1.35
"""The head region is the face's outline grown by this factor."""
EYE_SEAM: Final = 0.05
"""How far around the lids another photo's eye is taken over, and its seam's width, as shares of the crop's side."""
INNER: Final = (52, 52, 208, 224)
"""Left, top, right and bottom of the part of the crop that pixels are drawn in, multiples of 4. Crops are cut so that
eyes and mouth lie inside; the rest of the head is only shifted and toned, which needs no fine layers."""
_OVAL: Final = np.array(mesh.OVAL)
_MOUTH: Final = np.array(mesh.MOUTH_OPENING)
_EYES: Final = np.array([mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING])
_IRISES: Final = np.array([mesh.RIGHT_IRIS, mesh.LEFT_IRIS])
CONDITION_SIZE: Final = len(BLENDSHAPES) + 3


@dataclass(frozen=True, slots=True)
class View:
    """One photo, moved: what geometry makes of it in the crop of one frame."""

    rgb: U8
    """(size, size, 3): the photo warped, openings stretched as they are."""
    places: F32
    """(2, size, size): where in the photo's crop each pixel comes from, x and y in pixels."""


class CropWarp:
    """One photo's head crop, ready to be moved. Not for several threads at once."""

    def __init__(self, rgb: U8, landmarks: F32, window: Window) -> None:
        """Take the crop (size, size, 3) RGB, its (478, 3) landmarks in crop pixels, and its window of the picture."""
        self._size = rgb.shape[0]
        self._rgb, self._window = rgb, window
        self._rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)  # as `sample` likes it
        square = (self._size, self._size)
        pose = fit_pose(landmarks)
        self._mesh = FaceMesh(landmarks)
        self._shell = HeadShell(landmarks, pose, square)
        self._eyes = Eyeballs(landmarks)
        self._landmarks, self._pose = landmarks, pose
        self._mouth: MouthInterior | None = None

    def view(self, landmarks: F32, window: Window) -> View:
        """Return the photo moved to (478, 3) landmarks, in pixels of the crop that `window` cuts."""
        pose = fit_pose(landmarks)
        places = self._around(landmarks, pose, window)
        lay_face(places, self._mesh.moved(landmarks, pose).flow((self._size, self._size)), self._pose.scale)
        self._eyes.write(places, landmarks)
        return View(np.asarray(cv2.cvtColor(sample(self._rgba, places), cv2.COLOR_RGBA2RGB), np.uint8), places)

    def mouth_on(self, rgb: U8, landmarks: F32) -> U8:
        """Return a picture (size, size, 3) with this photo's lips and mouth on it, moved to (478, 3) landmarks."""
        flow = self._mesh.moved(landmarks, fit_pose(landmarks)).mouth_flow((self._size, self._size))
        left, top, right, bottom = flow.box(1)
        laid = rgb.copy()
        laid[top:bottom, left:right] = sample(self._rgba, flow.places)[..., :3]
        return laid

    def with_mouth(self, view: View, landmarks: F32) -> U8:
        """Return a view's picture (size, size, 3) with the inside of the mouth drawn: the geometry tier's answer."""
        if self._mouth is None:
            self._mouth = MouthInterior(self._rgb, self._landmarks, self._pose)
        picture = view.rgb.copy()
        self._mouth.draw(picture, landmarks, fit_pose(landmarks))
        return picture

    def _around(self, landmarks: F32, pose: HeadPose, window: Window) -> F32:
        """Return the map around the face: the shell's, with the body still in the picture while the crop moves."""
        turn = self._window.scale / window.scale
        shift = np.zeros(3, np.float32)
        shift[:2] = np.array([window.left - self._window.left, window.top - self._window.top]) * self._window.scale
        here = landmarks * np.float32(turn) + shift
        pose_here = HeadPose(pose.rotation, pose.translation_px * np.float32(turn) + shift, pose.scale * turn)
        field = self._shell.displacements(here, pose_here)
        steps = np.arange(self._size, dtype=np.float32) * np.float32(turn)
        places = np.stack(np.meshgrid(steps + shift[0], steps + shift[1]))
        # The field has a value each `STEP_PX` pixels, at the middle of so many.
        at = (places + np.float32(0.5)) * np.float32(1 / STEP_PX) - np.float32(0.5)
        for axis, away in enumerate(cv2.split(field)):
            places[axis] += sample(np.asarray(away, np.float32), at)
        return places


def with_eyes_of(nearest: U8, other: U8, eyes: U8) -> U8:
    """Return a moved photo (size, size, 3) with the eyes of another, blended softly around `eyes` (size, size)."""
    width = round(EYE_SEAM * eyes.shape[0]) | 1
    around = cv2.dilate(eyes, np.ones((width, width), np.uint8))
    share = cv2.blur(around, (width, width)).astype(np.float32)[..., None] / 255
    return np.rint(nearest + share * (other.astype(np.float32) - nearest)).astype(np.uint8)


def region_masks(landmarks: F32, size: int = CROP_SIZE) -> U8:
    """Return the masks of `REGIONS`, (5, size, size), 255 inside, for (478, 3) landmarks in crop pixels."""
    points = landmarks[:, :2]
    oval = points[_OVAL]
    middle = oval.mean(axis=0)
    masks = np.zeros((len(REGIONS), size, size), np.uint8)
    mouth, eyes, iris, face, head = masks
    _fill(mouth, points[_MOUTH])
    for opening in _EYES:
        _fill(eyes, points[opening])
    for centre, *ring in points[_IRISES].tolist():
        radius = sum(math.dist(centre, point) for point in ring) / len(ring)
        x, y = (round(16 * place) for place in centre)
        cv2.circle(iris, (x, y), round(radius * 16), 255, -1, cv2.LINE_AA, 4)
    cv2.min(iris, eyes, dst=iris)
    _fill(face, oval)
    _fill(head, middle + (oval - middle) * HEAD_REACH)
    return masks


def head_seam(regions: U8) -> U8:
    """Return (size, size): 255 on the head of masks (5, size, size), falling to 0 in a band around its outline."""
    head = regions[REGIONS.index("head")]
    return np.asarray(cv2.blur(head, (SEAM, SEAM), borderType=cv2.BORDER_CONSTANT), np.uint8)


def sampling_grid(places: F32, size: int) -> F32:
    """Return (size, size, 2) places in -1..1 over the whole crop, from pixel places (2, crop, crop).

    The convention of `grid_sample` with `align_corners=False`, whatever the resolution of what is sampled.
    """
    crop = places.shape[1]
    coarse = cv2.merge([cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA) for plane in places])
    return np.asarray((coarse + np.float32(0.5)) * np.float32(2 / crop) - 1, np.float32)


def condition(expression: F32, rotation: F32) -> F32:
    """Return the (55,) numbers that steer the network.

    Args:
        expression: (52,) blendshapes to be shown, 0..1.
        rotation: (3,) rotation vector from the photo's pose, radians.
    """
    return np.concatenate([expression, rotation]).astype(np.float32)


def _fill(mask: U8, polygon: F32) -> None:
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
