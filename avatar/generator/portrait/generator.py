"""The `portrait` tier: LivePortrait draws the square around the face, which is laid back into the photo.

motion ──► rotation, size, place                         of our own motion, always
       ├─► expression offsets      the driver's own, as M reads them, where a camera shows the face;
       │                           a map of our coefficients elsewhere
       └─► lips, lids              the lip and eye networks, as far as no camera moves them
keypoints ──► stitching ──► W ──► G ──► square, its rim faded, over the photo ──► background as in every tier
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from avatar.config import Background
from avatar.face.implicit_keypoints import EYE_POINTS, LIP_POINTS
from avatar.face.pose import rotation_matrix, rotation_vector
from avatar.generator.framing import frame_window
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.overlay import overlay
from avatar.generator.portrait import CROP_SIDE, PICTURE_SIDE
from avatar.generator.portrait.crop import DRIVER_SCALE, cut_square, eye_openings, face_square, lip_opening
from avatar.generator.portrait.expression_map import ExpressionMap
from avatar.generator.portrait.portrait_motion import PictureComposer, PortraitDrawer, PortraitMotion
from avatar.generator.protocol import TargetFace, target_face
from avatar.generator.scene_layout import KEPT, lay_out_scene
from avatar.media.colour import to_i420
from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8, FaceState, Motion, ReadExpression

RIM: Final = 0.08
"""Over which share of the square's side it fades into the photo: stitching keeps what lies there where it was."""


class PortraitGenerator:
    """Renders one identity at one picture size. Not for several threads at once."""

    def __init__(
        self,
        identity: Identity,
        picture_size: tuple[int, int],
        engine: PortraitDrawer[Any],
        expression_map: ExpressionMap,
        background: Background = KEPT,
    ) -> None:
        """Prepare an identity for pictures of (width, height) pixels."""
        self.identity, self.picture_size = identity, picture_size
        self.key_every, self.last_in_full = 1, True  # every picture is drawn alike
        self.needs_heard = False
        self._engine, self._map = engine, expression_map
        photo = identity.rest
        to_square = face_square(photo.landmarks_px, CROP_SIDE)
        self._source = engine.source(
            cut_square(photo.rgb, to_square, CROP_SIDE),
            lip_opening(photo.landmarks_px),
            eye_openings(photo.landmarks_px),
        )
        window = frame_window(photo.landmarks_px, (photo.rgb.shape[1], photo.rgb.shape[0]), picture_size)
        self._to_picture, self._share = _way_back(to_square, window.photo_to_picture, picture_size)
        turn = to_square[:, :2] / np.linalg.norm(to_square[0, :2])
        self._upright = np.eye(3, dtype=np.float32)
        self._upright[:2, :2] = turn
        self._per_pixel = turn / np.float32(window.scale) * np.float32(np.linalg.norm(to_square[0, :2]) * 2 / CROP_SIDE)
        self._background = background
        self._scene = lay_out_scene(identity, picture_size, background)
        # Before another background, what is the person's moves as the photo's matte does, by the mesh.
        self._geometry = GeometryGenerator(identity, picture_size, Background("transparent"))
        self.rig = self._geometry.rig
        self._composer = engine if isinstance(engine, PictureComposer) and engine.composes else None
        self._placement: Any = None
        if self._composer is not None and background.kind == "keep":
            self._placement = self._composer.place(self._scene.still, self._share, self._to_picture)

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32:
        """Return the (21, 3) expression offsets of a driver's face in a camera's frame."""
        square = face_square(face.landmarks_px, CROP_SIDE, DRIVER_SCALE)
        return self._engine.read(cut_square(frame.rgb(), square, CROP_SIDE))[0]

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, as `Generator` says."""
        return self._draw(target_face(self.rig, self.identity, motion), motion.read)

    def render_i420(self, motion: Motion) -> tuple[U8, bool]:
        """Return the picture of a motion in planar YUV, as `yuv_pictures.render_i420` does."""
        if self._composer is None or self._placement is None:
            drawn = self.render(motion)
            return to_i420(drawn), drawn.shape[2] == 4
        told = self._motion(target_face(self.rig, self.identity, motion), motion.read)
        return self._composer.draw_i420(self._source, told, self._placement), False

    def draw(self, target: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        return self._draw(target, None)

    def _draw(self, target: TargetFace, read: ReadExpression | None) -> U8:
        square = self._engine.draw(self._source, self._motion(target, read))
        drawn = np.asarray(cv2.warpAffine(square, self._to_picture, self.picture_size, flags=cv2.INTER_CUBIC), np.uint8)
        if self._background.kind == "keep":
            return _between(self._scene.still, drawn, self._share)
        moved = self._geometry.move(target)
        alpha = moved.alpha
        assert alpha is not None  # noqa: S101 - it was opened with nothing behind the person
        premultiplied = np.asarray(cv2.multiply(drawn, cv2.merge([alpha] * 3), scale=1 / 255), np.uint8)
        rgb = _between(moved.picture, premultiplied, self._share)
        person = np.asarray(cv2.merge([*cv2.split(rgb), alpha]), np.uint8)
        if self._background.kind == "transparent":
            return person
        picture = self._scene.still.copy()
        rows, columns = self._scene.rows, self._scene.columns
        overlay(np.ascontiguousarray(person[rows, columns]), self._scene.plate, into=picture[rows, columns])
        return picture

    def _motion(self, target: TargetFace, read: ReadExpression | None) -> PortraitMotion:
        """Return what a face in a picture is to the networks."""
        rest = self.rig.rest_pose
        turn = rotation_vector(np.asarray(target.pose.rotation @ rest.rotation.T, np.float32))
        rotation = rotation_matrix(np.asarray(self._map.rotation @ (self._upright @ turn), np.float32))
        shift = (target.pose.translation_px - rest.translation_px)[:2]
        blendshapes = np.asarray(target.expression - self.identity.rest.blendshapes, np.float32)
        offsets = self._map.offsets(blendshapes)
        share = np.zeros(len(offsets), np.float32)
        if read is not None:
            share = read.share
            beyond = self._map.offsets(blendshapes - read.blendshapes)  # feelings, played on top of the driver's face
            offsets += share[:, None] * (read.offsets + beyond - offsets)
        return PortraitMotion(
            rotation=rotation,
            expression=offsets,
            scale=target.pose.scale / rest.scale,
            translation=np.asarray(self._per_pixel @ shift, np.float32),
            lip_opening=lip_opening(target.landmarks),
            eye_opening=float(np.mean(eye_openings(target.landmarks))),
            lip_share=1 - float(share[list(LIP_POINTS)].mean()),
            eye_share=1 - float(share[list(EYE_POINTS)].mean()),
        )


def _way_back(to_square: F32, to_picture: F32, picture_size: tuple[int, int]) -> tuple[F32, U8]:
    """Return the map (2, 3) from the drawn square to the picture, and the square's share of it (height, width)."""
    larger = np.diag([PICTURE_SIDE / CROP_SIDE, PICTURE_SIDE / CROP_SIDE, 1.0])
    back = np.vstack([to_picture, [0, 0, 1]]) @ np.linalg.inv(larger @ np.vstack([to_square, [0, 0, 1]]))
    rim = round(RIM * PICTURE_SIDE)
    whole = np.zeros((PICTURE_SIDE, PICTURE_SIDE), np.uint8)
    whole[rim:-rim, rim:-rim] = 255
    soft = cv2.GaussianBlur(whole, (2 * rim + 1, 2 * rim + 1), rim / 2)
    placed = cv2.warpAffine(soft, back[:2], picture_size, flags=cv2.INTER_LINEAR)
    return back[:2].astype(np.float32), np.asarray(placed, np.uint8)


def _between(photo: U8, drawn: U8, share: U8) -> U8:
    """Return a picture with another's share laid over it, of 255."""
    over = cv2.merge([share] * 3)
    kept = cv2.multiply(photo, cv2.bitwise_not(over), scale=1 / 255)
    return np.asarray(cv2.add(kept, cv2.multiply(drawn, over, scale=1 / 255)), np.uint8)
