"""The `geometry` tier: the photo itself, warped by the face mesh and laid over its still background.

No network: sharp, fast, and limited to what the photo shows. It is the baseline every network must beat, the fallback
when a model is missing, and the flow the networks build on.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.generator.eyes import both_eyes
from avatar.generator.face_flow import FaceMesh
from avatar.generator.framing import frame_window
from avatar.generator.identity import Identity
from avatar.generator.matte import foreground_colours
from avatar.generator.mouth import MouthInterior
from avatar.generator.rig import Rig
from avatar.generator.shell import HeadShell
from avatar.motion.basis import load_basis
from avatar.types import F32, U8, HeadPose, Motion

FEATHER: Final = 0.05
"""Width, in head units, of the band inside the face's outline where mesh flow and shell flow are blended."""


class GeometryGenerator:
    """Renders one identity at one picture size. Not for several threads at once."""

    def __init__(self, identity: Identity, picture_size: tuple[int, int]) -> None:
        """Prepare an identity for pictures of (width, height) pixels; takes a few tens of milliseconds."""
        self.identity = identity
        self.picture_size = picture_size
        photo = identity.rest
        height, width = photo.rgb.shape[:2]
        window = frame_window(photo.landmarks_px, (width, height), picture_size)
        rest = window.to_picture(photo.landmarks_px)
        place = _Placer(window.photo_to_picture, window.scale, picture_size)

        self.rig = Rig(rest, load_basis())
        self._mesh = FaceMesh(rest, picture_size)
        self._shell = HeadShell(rest, self.rig.rest_pose, picture_size)
        self._eyes = both_eyes(rest)
        self._feather_px = max(3, round(FEATHER * self.rig.rest_pose.scale)) | 1

        matte = place(identity.matte)
        colours = foreground_colours(place(photo.rgb), matte)
        self._mouth = MouthInterior(colours, rest, self.rig.rest_pose)
        # Premultiplied, so that interpolation at the matte's edge mixes no colour that is not there.
        self._person = np.dstack([cv2.multiply(colours, cv2.merge([matte] * 3), scale=1 / 255), matte])
        self._plate = place(identity.plate)

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3) RGB picture of a motion."""
        pose = self.rig.pose(motion)
        landmarks = self.rig.landmarks(motion, pose)
        map_x, map_y = self._flow(landmarks, pose)
        moved = cv2.remap(self._person, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        person = np.asarray(moved, np.uint8)
        self._mouth.draw(person, landmarks, pose)
        return self._over_plate(person)

    def _flow(self, landmarks: F32, pose: HeadPose) -> tuple[F32, F32]:
        """Return the picture-sized backward maps (x, y): shell outside, mesh inside the face, eyeballs on top."""
        map_x, map_y = self._shell.flow(landmarks, pose)
        face = self._mesh.flow(landmarks)
        rows = slice(face.top, face.top + face.covered.shape[0])
        columns = slice(face.left, face.left + face.covered.shape[1])
        # Erode, then blur by the same width: the blend is 0 at the outline and 1 a band further in.
        width = self._feather_px
        square = np.ones((width, width), np.uint8)
        inner = cv2.erode(face.covered, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        share = cv2.blur(inner, (width, width), borderType=cv2.BORDER_CONSTANT).astype(np.float32) / 255
        for whole, part in ((map_x, face.map_x), (map_y, face.map_y)):
            view = whole[rows, columns]
            view += share * (part - view)
        for eye in self._eyes:
            eye.write(map_x, map_y, landmarks)
        return map_x, map_y

    def _over_plate(self, person: U8) -> U8:
        """Lay the premultiplied RGBA person over the still background."""
        behind = cv2.merge([cv2.bitwise_not(person[..., 3])] * 3)
        seen = cv2.multiply(self._plate, behind, scale=1 / 255)
        return np.asarray(cv2.add(seen, cv2.cvtColor(person, cv2.COLOR_RGBA2RGB)), np.uint8)


class _Placer:
    """Cuts photo-sized pictures to the outgoing picture."""

    def __init__(self, photo_to_picture: F32, scale: float, picture_size: tuple[int, int]) -> None:
        self._map, self._size = photo_to_picture, picture_size
        self._flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC

    def __call__(self, picture: U8) -> U8:
        placed = cv2.warpAffine(picture, self._map, self._size, flags=self._flags, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(placed, np.uint8)
