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
from avatar.generator.identity import Identity
from avatar.generator.mouth import MouthInterior
from avatar.generator.protocol import Shown, shown
from avatar.generator.rig import Rig
from avatar.generator.shell import HeadShell
from avatar.generator.stage import over_plate, set_stage
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
        self._stage = stage = set_stage(identity, picture_size)
        self._origin = np.array([stage.columns.start, stage.rows.start, 0], np.float32)
        self.rig = Rig(stage.rest + self._origin, load_basis())
        rest_pose = self._within_part(self.rig.rest_pose)
        self._mesh = FaceMesh(stage.rest, stage.size)
        self._shell = HeadShell(stage.rest, rest_pose, stage.size)
        self._eyes = both_eyes(stage.rest)
        self._mouth = MouthInterior(stage.colours, stage.rest, rest_pose)
        self._feather_px = max(3, round(FEATHER * self.rig.rest_pose.scale)) | 1

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3) RGB picture of a motion."""
        return self.draw(shown(self.rig, self.identity, motion))

    def draw(self, shown: Shown) -> U8:
        """Return the (height, width, 3) RGB picture of a face whose landmarks are known."""
        stage = self._stage
        landmarks, pose = shown.landmarks - self._origin, self._within_part(shown.pose)
        map_x, map_y = self._flow(landmarks, pose)
        map_x += stage.spare
        map_y += stage.spare
        person = np.asarray(cv2.remap(stage.person, map_x, map_y, cv2.INTER_LINEAR), np.uint8)
        self._mouth.draw(person, landmarks, pose)
        picture = stage.still.copy()
        picture[stage.rows, stage.columns] = over_plate(person, stage.plate)
        return picture

    def _within_part(self, pose: HeadPose) -> HeadPose:
        """Return a pose of the picture in the coordinates of its moving part."""
        return HeadPose(pose.rotation, pose.translation_px - self._origin, pose.scale)

    def _flow(self, landmarks: F32, pose: HeadPose) -> tuple[F32, F32]:
        """Return backward maps (x, y) of the moving part: shell outside, mesh inside the face, eyeballs on top."""
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
