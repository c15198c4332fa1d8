"""The `geometry` tier: the photo itself, warped by the face mesh and laid over its still background.

No network: sharp, fast, and limited to what the photo shows. It is the baseline every network must beat, the fallback
when a model is missing, and the flow the networks build on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.face.expression_basis import load_basis
from avatar.generator.eyes import both_eyes
from avatar.generator.face_flow import FaceMesh, lay_face
from avatar.generator.identity import Identity
from avatar.generator.mouth import MouthInterior
from avatar.generator.protocol import TargetFace, target_face
from avatar.generator.rig import Rig
from avatar.generator.scene_layout import lay_out_scene, over_plate
from avatar.generator.shell import HeadShell
from avatar.types import F32, U8, HeadPose, Motion


@dataclass(frozen=True, slots=True)
class MovedPhoto:
    """The photo, moved, its openings stretched as they are."""

    picture: U8
    """(height, width, 3), RGB, the whole picture, free to be drawn into."""
    places: F32
    """(part height, part width, 2): where in the resting picture each pixel of the moving part comes from, (x, y) from
    `origin`."""
    origin: tuple[int, int]
    """(x, y) of the moving part in the picture."""


class GeometryGenerator:
    """Renders one identity at one picture size. Not for several threads at once."""

    def __init__(self, identity: Identity, picture_size: tuple[int, int]) -> None:
        """Prepare an identity for pictures of (width, height) pixels; takes a few tens of milliseconds."""
        self.identity = identity
        self.picture_size = picture_size
        self.key_every, self.last_in_full = 1, True  # every picture is drawn alike
        self._scene = scene = lay_out_scene(identity, picture_size)
        self._origin = np.array([scene.columns.start, scene.rows.start, 0], np.float32)
        self.rig = Rig(scene.rest + self._origin, load_basis())
        rest_pose = self._within_part(self.rig.rest_pose)
        self._mesh = FaceMesh(scene.rest, scene.size)
        self._shell = HeadShell(scene.rest, rest_pose, scene.size)
        self._eyes = both_eyes(scene.rest)
        self._mouth = MouthInterior(scene.colours, scene.rest, rest_pose)

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3) RGB picture of a motion."""
        return self.draw(target_face(self.rig, self.identity, motion))

    def draw(self, target: TargetFace) -> U8:
        """Return the (height, width, 3) RGB picture of a face whose landmarks are known."""
        picture = self.move(target).picture
        self.draw_mouth(picture, target)
        return picture

    def move(self, target: TargetFace) -> MovedPhoto:
        """Return the photo moved to where the landmarks are, the mouth's inside not drawn yet."""
        scene = self._scene
        map_x, map_y = self._flow(target.landmarks - self._origin, self._within_part(target.pose))
        places = np.asarray(cv2.merge([map_x, map_y]), np.float32)
        map_x += scene.spare
        map_y += scene.spare
        person = np.asarray(cv2.remap(scene.person, map_x, map_y, cv2.INTER_LINEAR), np.uint8)
        picture = scene.still.copy()
        picture[scene.rows, scene.columns] = over_plate(person, scene.plate)
        return MovedPhoto(picture, places, (scene.columns.start, scene.rows.start))

    def draw_mouth(self, picture: U8, target: TargetFace) -> None:
        """Draw the inside of the mouth into a moved photo, in place."""
        part = picture[self._scene.rows, self._scene.columns]
        self._mouth.draw(part, target.landmarks - self._origin, self._within_part(target.pose))

    def _within_part(self, pose: HeadPose) -> HeadPose:
        """Return a pose of the picture in the coordinates of its moving part."""
        return HeadPose(pose.rotation, pose.translation_px - self._origin, pose.scale)

    def _flow(self, landmarks: F32, pose: HeadPose) -> tuple[F32, F32]:
        """Return backward maps (x, y) of the moving part: shell outside, mesh inside the face, eyeballs on top."""
        map_x, map_y = self._shell.flow(landmarks, pose)
        lay_face(map_x, map_y, self._mesh.flow(landmarks), self.rig.rest_pose.scale)
        for eye in self._eyes:
            eye.write(map_x, map_y, landmarks)
        return map_x, map_y
