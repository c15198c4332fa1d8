"""The `geometry` tier: the photo itself, warped by the face mesh and laid over its still background.

No network: sharp, fast, and limited to what the photo shows. It is the baseline every network must beat, the fallback
when a model is missing, and the flow the networks build on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.config import Background
from avatar.face.expression_basis import load_basis
from avatar.generator.eyes import Eyeballs
from avatar.generator.eyewear import wears_glasses
from avatar.generator.face_blending import lay_fine_parts, lay_in_box
from avatar.generator.face_flow import COARSER, FaceFlow, FaceMesh, MovedMesh
from avatar.generator.identity import Identity
from avatar.generator.monochrome import tone_mouth, tones_of
from avatar.generator.mouth import MouthInterior
from avatar.generator.moving_bands import MovingNodes, bands
from avatar.generator.overlay import overlay
from avatar.generator.protocol import TargetFace, target_face
from avatar.generator.rig import Rig
from avatar.generator.sampling import sample
from avatar.generator.scene_layout import KEPT, lay_out_scene
from avatar.generator.shaded_mouth import MouthLayer, ShadedMouth
from avatar.generator.shell import STEP_PX, HeadShell, enlarged, magnified, places_at_nodes
from avatar.generator.shut_lids import soften_shut_lids
from avatar.generator.teeth_tone import TeethTone, eye_whites
from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8, FaceState, HeadPose, Motion


@dataclass(frozen=True, slots=True)
class HeadPlaces:
    """Where a picture's face and what is beside it come from: a part of its backward map."""

    rows: slice
    columns: slice
    """Of the moving part's nodes."""
    coarse: F32
    """(2, height, width), every `COARSER` pixels, eyeballs counted as lids."""
    fine: F32
    """(2, height, width), every pixel."""


@dataclass(frozen=True, slots=True)
class MovedPhoto:
    """The photo, moved, its openings stretched as they are."""

    picture: U8
    """(height, width, 3), RGB, the whole picture, free to be drawn into."""
    nodes: F32
    """(2, rows + 2, columns + 2), where the moving part's nodes come from: `places_at_nodes`."""
    head: HeadPlaces
    origin: tuple[int, int]
    """(x, y) of the moving part in the picture."""
    rest_origin: tuple[int, int]
    """(x, y) in the resting picture that places are counted from."""
    alpha: U8 | None = None
    """(height, width): the person's share of each pixel where nothing is behind them, `picture` being premultiplied by
    it; None: there is a background."""

    def finished(self) -> U8:
        """Return the picture, with its alpha as a fourth channel where it has one."""
        if self.alpha is None:
            return self.picture
        # What was drawn or sharpened at an edge may not be lighter than its share.
        rgb = cv2.min(self.picture, cv2.cvtColor(self.alpha, cv2.COLOR_GRAY2RGB))
        return np.asarray(cv2.merge([*cv2.split(rgb), self.alpha]), np.uint8)

    @property
    def places(self) -> F32:
        """Where every `COARSER` pixels of the moving part come from, (2, height, width), x and y from `rest_origin`.

        Eyeballs count as lids.
        """
        rows, columns = (slice(0, count - 2) for count in self.nodes.shape[1:])
        places = enlarged(self.nodes, rows, columns, COARSER)
        head, times = self.head, STEP_PX // COARSER
        rows, columns = (slice(part.start * times, part.stop * times) for part in (head.rows, head.columns))
        places[:, rows, columns] = head.coarse
        return places


class GeometryGenerator:
    """Renders one identity at one picture size. Not for several threads at once."""

    def __init__(self, identity: Identity, picture_size: tuple[int, int], background: Background = KEPT) -> None:
        """Prepare an identity for pictures of (width, height) pixels; takes a few tens of milliseconds."""
        self.identity = identity
        self.picture_size = picture_size
        self.key_every, self.last_in_full = 1, True  # every picture is drawn alike
        self.needs_heard = False
        self._scene = scene = lay_out_scene(identity, picture_size, background)
        self._origin = np.array([scene.columns.start, scene.rows.start, 0], np.float32)
        rest = identity.rest
        glasses = wears_glasses(rest.rgb, rest.landmarks_px)
        self.rig = Rig(scene.rest + self._origin, load_basis(), glasses=glasses)
        rest_pose = self._within_part(self.rig.rest_pose)
        self._shell = HeadShell(scene.rest, rest_pose, scene.size)
        spare = np.array([scene.spare, scene.spare, 0], np.float32)
        self._mesh = FaceMesh(scene.rest + spare, self.rig.stiff)
        self._eyes = Eyeballs(scene.rest + spare)
        self._plate = np.asarray(cv2.cvtColor(scene.plate, cv2.COLOR_RGB2RGBA), np.uint8)  # as `overlay` likes it
        self._moving = MovingNodes(scene.person[..., 3], scene.spare)
        self._mouth = MouthInterior(scene.colours, scene.rest, rest_pose)
        whites = eye_whites(rest.rgb, rest.landmarks_px)
        self._teeth_tone = None if whites is None else TeethTone(whites)
        self._shaded_mouth = ShadedMouth(scene.colours, scene.rest, rest_pose, self._teeth_tone)
        self._tones = tones_of(rest.rgb, rest.landmarks_px)

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3 or 4) picture of a motion, as `Generator` says."""
        return self.draw(target_face(self.rig, self.identity, motion))

    def draw(self, target: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        moved = self.move(target)
        layer = self.mouth_layer(moved.picture, target)
        if layer is not None:
            layer.lay(moved.picture)
            self.tone_mouth(moved.picture, target)
        return moved.finished()

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32 | None:  # noqa: ARG002
        """Return None: the face's landmarks and coefficients are all that this tier needs."""
        return None

    def move(self, target: TargetFace) -> MovedPhoto:
        """Return the photo moved to where the landmarks are, the mouth's inside not drawn yet."""
        scene = self._scene
        landmarks = target.landmarks - self._origin
        pose = self._within_part(target.pose)
        field = self._shell.displacements(landmarks, pose)
        nodes = places_at_nodes(field, origin=scene.spare)
        mesh = self._mesh.moved(landmarks, pose)
        flow = mesh.coarse_flow(((nodes.shape[2] - 2) * STEP_PX, (nodes.shape[1] - 2) * STEP_PX), STEP_PX)
        with_face, *others = bands(self._moving.moving(field), flow.box(COARSER))
        head = self._head(nodes, *with_face, flow, mesh, landmarks)

        picture = scene.still.copy()
        part = picture[scene.rows, scene.columns]
        alpha = None if scene.still_alpha is None else scene.still_alpha.copy()
        for number, (rows, columns) in enumerate((with_face, *others)):
            places = enlarged(nodes, rows, columns, 1) if number else head.fine
            band = _pixels(rows), _pixels(columns)
            plate = self._plate[band]
            person = sample(scene.person, places[:, : plate.shape[0], : plate.shape[1]], border=cv2.BORDER_CONSTANT)
            overlay(person, plate, into=part[band])
            if alpha is not None:
                alpha[scene.rows, scene.columns][band] = person[..., 3]
        origin = (scene.columns.start, scene.rows.start)
        rest_origin = (origin[0] - scene.spare, origin[1] - scene.spare)
        soften_shut_lids(part, mesh.vertices, mesh.lids_met)
        return MovedPhoto(picture, nodes, head, origin, rest_origin, alpha)

    def _head(
        self, nodes: F32, rows: slice, columns: slice, flow: FaceFlow, moved: MovedMesh, landmarks: F32
    ) -> HeadPlaces:
        """Return where some nodes' part comes from that holds the face, which is blended with it at its outline."""
        # One more on each side, so that the outermost have something to be interpolated with.
        coarse = enlarged(nodes, rows, columns, COARSER, beyond=1)
        origin = columns.start * STEP_PX, rows.start * STEP_PX
        left, top = flow.left - origin[0] // COARSER + 1, flow.top - origin[1] // COARSER + 1
        height, width = flow.covered.shape
        face = coarse[:, top : top + height, left : left + width]
        share = lay_in_box(face, flow, self.rig.rest_pose.scale / COARSER)
        fine = magnified(coarse, COARSER)[:, COARSER:-COARSER, COARSER:-COARSER]
        lay_fine_parts(fine, flow, share, moved, origin)
        self._eyes.write(fine, landmarks - np.array([*origin, 0], np.float32))
        return HeadPlaces(rows, columns, coarse[:, 1:-1, 1:-1], fine)

    def mouth_layer(self, picture: U8, target: TargetFace) -> MouthLayer | None:
        """Return the inside of the mouth for a moved photo, None where the mouth is shut."""
        pose = self._within_part(target.pose)
        layer = self._shaded_mouth.layer(self._part(picture), target.landmarks - self._origin, pose)
        if layer is None:
            return None
        first_row, first_column = self._scene.rows.start, self._scene.columns.start
        rows = slice(layer.rows.start + first_row, layer.rows.stop + first_row)
        columns = slice(layer.columns.start + first_column, layer.columns.stop + first_column)
        return MouthLayer(rows, columns, layer.rgb, layer.share)

    def draw_mouth(self, picture: U8, target: TargetFace) -> None:
        """Draw teeth into a moved photo, in place: what a network makes a mouth of."""
        self._mouth.draw(self._part(picture), target.landmarks - self._origin, self._within_part(target.pose))

    def tone_mouth(self, picture: U8, target: TargetFace, guessed: float = 0.0) -> None:
        """Give a mouth that was drawn into a picture the tones of the person's own, in place.

        `guessed` is how much of it, 0..1, no photo shows, but for the layer of `mouth_layer`: that has its tones.
        """
        if self._teeth_tone is not None:
            self._teeth_tone.lift(picture, target.landmarks, guessed)
        if self._tones is not None:
            tone_mouth(picture, target.landmarks, self._tones)

    def _part(self, picture: U8) -> U8:
        """Return the moving part of a picture, a view."""
        return picture[self._scene.rows, self._scene.columns]

    def _within_part(self, pose: HeadPose) -> HeadPose:
        """Return a pose of the picture in the coordinates of its moving part."""
        return HeadPose(pose.rotation, pose.translation_px - self._origin, pose.scale)


def _pixels(nodes: slice) -> slice:
    """Return the pixels of some nodes."""
    return slice(nodes.start * STEP_PX, nodes.stop * STEP_PX)
