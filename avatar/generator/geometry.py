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
from avatar.generator.face_flow import FaceMesh, face_over_shell
from avatar.generator.identity import Identity
from avatar.generator.mouth import MouthInterior
from avatar.generator.moving_box import Box, MovingBox, bands, box_around
from avatar.generator.protocol import TargetFace, target_face
from avatar.generator.rig import Rig
from avatar.generator.scene_layout import lay_out_scene, over_plate
from avatar.generator.shell import STEP_PX, HeadShell, enlarge
from avatar.types import F32, U8, HeadPose, Motion


@dataclass(frozen=True, slots=True)
class MovedPhoto:
    """The photo, moved, its openings stretched as they are."""

    picture: U8
    """(height, width, 3), RGB, the whole picture, free to be drawn into."""
    places: F32
    """(box height, box width, 2): where each pixel of a box of the picture comes from, (x, y) from `rest_origin`."""
    origin: tuple[int, int]
    """(x, y) of the box in the picture."""
    rest_origin: tuple[int, int]
    """(x, y) in the resting picture that places are counted from."""


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
        self._shell = HeadShell(scene.rest, rest_pose, scene.size)
        spare = np.array([scene.spare, scene.spare, 0], np.float32)
        self._mesh = FaceMesh(scene.rest + spare)
        self._eyes = both_eyes(scene.rest + spare)
        self._moving = MovingBox(scene.person[..., 3], scene.spare)
        self._mouth = MouthInterior(scene.colours, scene.rest, rest_pose)

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3) RGB picture of a motion."""
        return self.draw(target_face(self.rig, self.identity, motion))

    def draw(self, target: TargetFace) -> U8:
        """Return the (height, width, 3) RGB picture of a face whose landmarks are known."""
        picture = self.move(target).picture
        self.draw_mouth(picture, target)
        return picture

    def move(self, target: TargetFace, around: Box | None = None) -> MovedPhoto:
        """Return the photo moved to where the landmarks are, the mouth's inside not drawn yet.

        Places are given of what moves, and of a box `around` it (left, top, right, bottom of the picture) if wanted.
        """
        scene = self._scene
        landmarks = target.landmarks - self._origin
        pose = self._within_part(target.pose)
        field = self._shell.displacements(landmarks, pose)
        low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
        boxes = [(*low.tolist(), *high.tolist())]
        if around is not None:
            left, top, right, bottom = around
            boxes.append(
                (left - self._origin[0], top - self._origin[1], right - self._origin[0], bottom - self._origin[1])
            )
        moves = self._moving.moving(field)
        nodes = box_around(moves, *boxes)
        top, left = (side.start * STEP_PX for side in nodes)
        landmarks -= np.array([left, top, 0], np.float32)
        shell = enlarge(field, *nodes, 2, origin=scene.spare)
        places = face_over_shell(shell, self._mesh.moved(landmarks, pose), self.rig.rest_pose.scale)
        for eye in self._eyes:
            eye.write(places, landmarks)
        picture = scene.still.copy()
        part = picture[scene.rows, scene.columns]
        for band in bands(moves, nodes, boxes[0]):
            rows, columns = (slice(side.start * STEP_PX, side.stop * STEP_PX) for side in band)
            plate = scene.plate[rows, columns]
            at = places[rows.start - top :, columns.start - left :][: plate.shape[0], : plate.shape[1]]
            person = cv2.remap(scene.person, at, None, cv2.INTER_LINEAR)
            part[rows, columns] = over_plate(np.asarray(person, np.uint8), plate)
        corner = (scene.columns.start, scene.rows.start)
        return MovedPhoto(
            picture,
            places,
            (corner[0] + left, corner[1] + top),
            (corner[0] - scene.spare, corner[1] - scene.spare),
        )

    def draw_mouth(self, picture: U8, target: TargetFace) -> None:
        """Draw the inside of the mouth into a moved photo, in place."""
        part = picture[self._scene.rows, self._scene.columns]
        self._mouth.draw(part, target.landmarks - self._origin, self._within_part(target.pose))

    def _within_part(self, pose: HeadPose) -> HeadPose:
        """Return a pose of the picture in the coordinates of its moving part."""
        return HeadPose(pose.rotation, pose.translation_px - self._origin, pose.scale)
