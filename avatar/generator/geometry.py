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
from avatar.generator.face_flow import COARSER, FaceMesh, lay_face, lay_fine_parts
from avatar.generator.identity import Identity
from avatar.generator.mouth import MouthInterior
from avatar.generator.moving_bands import MovingNodes, bands
from avatar.generator.protocol import TargetFace, target_face
from avatar.generator.rig import Rig
from avatar.generator.sampling import sample
from avatar.generator.scene_layout import lay_out_scene, over_plate
from avatar.generator.shell import STEP_PX, HeadShell, enlarged, places_of
from avatar.types import F32, U8, HeadPose, Motion


@dataclass(frozen=True, slots=True)
class MovedPhoto:
    """The photo, moved, its openings stretched as they are."""

    picture: U8
    """(height, width, 3), RGB, the whole picture, free to be drawn into."""
    places: F32
    """(height, width, 2): where every `COARSER` pixels of the moving part come from, (x, y) from `rest_origin`.
    Eyeballs count as lids."""
    origin: tuple[int, int]
    """(x, y) of the moving part in the picture."""
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
        self._moving = MovingNodes(scene.person[..., 3], scene.spare)
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
        landmarks = target.landmarks - self._origin
        pose = self._within_part(target.pose)
        field = self._shell.displacements(landmarks, pose)
        smooth = places_of(field, COARSER, origin=scene.spare)
        moved = self._mesh.moved(landmarks, pose)
        coarse = moved.flow((smooth.shape[1] * COARSER, smooth.shape[0] * COARSER), COARSER)
        share = lay_face(smooth, coarse, self.rig.rest_pose.scale / COARSER)

        picture = scene.still.copy()
        part = picture[scene.rows, scene.columns]
        per_node = STEP_PX // COARSER
        for number, nodes in enumerate(bands(self._moving.moving(field), coarse.box(COARSER))):
            rows, columns = (slice(side.start * per_node, side.stop * per_node) for side in nodes)
            places = enlarged(smooth, rows, columns, COARSER)
            rows, columns = (slice(side.start * STEP_PX, side.stop * STEP_PX) for side in nodes)
            if number == 0:
                corner = (columns.start, rows.start)
                lay_fine_parts(places, corner, coarse, share, moved)
                for eye in self._eyes:
                    eye.write(places, landmarks - np.array([*corner, 0], np.float32))
            plate = scene.plate[rows, columns]
            places = places[: plate.shape[0], : plate.shape[1]]
            person = sample(scene.person, places, border=cv2.BORDER_CONSTANT)
            over_plate(person, plate, into=part[rows, columns])
        origin = (scene.columns.start, scene.rows.start)
        return MovedPhoto(picture, smooth, origin, (origin[0] - scene.spare, origin[1] - scene.spare))

    def draw_mouth(self, picture: U8, target: TargetFace) -> None:
        """Draw the inside of the mouth into a moved photo, in place."""
        part = picture[self._scene.rows, self._scene.columns]
        self._mouth.draw(part, target.landmarks - self._origin, self._within_part(target.pose))

    def _within_part(self, pose: HeadPose) -> HeadPose:
        """Return a pose of the picture in the coordinates of its moving part."""
        return HeadPose(pose.rotation, pose.translation_px - self._origin, pose.scale)
