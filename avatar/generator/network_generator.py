"""The tiers with a network: geometry moves the photo, the network draws what the photo does not show."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.config import Background
from avatar.face import mesh
from avatar.face.pose import rotation_vector
from avatar.generator.compositing import head_crop, lay_layers, recut
from avatar.generator.engines.engine import Engine, FrameInput, FrameLayers
from avatar.generator.face_crop import CROP_SIZE, face_window
from avatar.generator.face_flow import COARSER
from avatar.generator.framing import Window
from avatar.generator.geometry import GeometryGenerator, MovedPhoto
from avatar.generator.identity import Identity
from avatar.generator.layer_trust import LayerTrust
from avatar.generator.layer_warp import warp_layers
from avatar.generator.mouth_photos import SHADE_STRENGTH
from avatar.generator.network_input import REGIONS, condition, head_seam, region_masks
from avatar.generator.protocol import TargetFace, target_face
from avatar.generator.reference_blending import ReferenceBlend, ReferenceBlender, show_reference_pixels
from avatar.generator.references import face_outline
from avatar.generator.scene_layout import KEPT
from avatar.generator.temporal_filter import FilterState, filter_layers
from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8, FaceState, Motion, rest_motion

QUARTER: Final = CROP_SIZE // 4
DETAIL_WHOLE: Final = 2 / 3
"""From this share of a mouth that is no photo's own on, drawn teeth's detail shows whole: a mouth a third of which is
an unlike photo's is no sharper than the network's. On four training people mouths are 9 % sharper by it, with one photo
and with four, and 0.002 of the plain warp's error further away."""


class NetworkGenerator:
    """Renders one identity at one picture size, frame after frame. Not for several threads at once."""

    def __init__(
        self, identity: Identity, picture_size: tuple[int, int], engine: Engine, background: Background = KEPT
    ) -> None:
        """Prepare an identity for pictures of (width, height) pixels; takes about a tenth of a second."""
        self.identity = identity
        self.picture_size = picture_size
        self._geometry = GeometryGenerator(identity, picture_size, background)
        self.rig = self._geometry.rig
        self._rest_window = face_window(self.rig.rest_pose)
        self._engine = engine
        self._references = ReferenceBlender(identity, engine)
        self._last: FilterState | None = None
        self._since_key = 0
        self._reference_share, self._guessed = 0.0, 1.0
        self._trust = LayerTrust(*self._decoded_at_rest())
        # The network draws every n-th picture, the mesh carries its layers through those in between.
        self.key_every, self.last_in_full = 1, True
        self.needs_heard = False

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, as `Generator` says."""
        return self.draw(target_face(self.rig, self.identity, motion))

    def draw(self, target: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        window = face_window(target.pose)
        moved = self._geometry.move(target)
        shade = self._geometry.mouth_layer(moved.picture, target)
        landmarks = window.to_picture(target.landmarks)
        regions = region_masks(landmarks)
        seam = head_seam(regions)
        self._since_key += 1
        self.last_in_full = self._last is None or self._since_key >= self.key_every
        if self._last is None or self.last_in_full:
            self._since_key = 0
            made = self._layers(target, moved, window, landmarks, regions, seam)
            self._last, layers = filter_layers(self._last, made, landmarks)
        else:
            self._geometry.draw_mouth(moved.picture, target)
            layers = warp_layers(self._last.layers, self._last.landmarks, landmarks)
        # Where a photo's own pixels show, the drawn teeth have no detail to add.
        detail = min(1.0, (1 - self._reference_share) / DETAIL_WHOLE)
        drawn = cv2.convertScaleAbs(regions[REGIONS.index("mouth")], alpha=detail)
        guessed = 0.0
        if shade is not None:
            guessed = self._guessed
            shade = shade.weaker(SHADE_STRENGTH * guessed)
        lay_layers(moved.picture, layers, window, seam, np.asarray(drawn, np.uint8), shade)
        self._geometry.tone_mouth(moved.picture, target, guessed)
        return moved.finished()

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32 | None:  # noqa: ARG002
        """Return None: the face's landmarks and coefficients are all that this tier needs."""
        return None

    def _layers(
        self, target: TargetFace, moved: MovedPhoto, window: Window, landmarks: F32, regions: U8, seam: U8
    ) -> FrameLayers:
        """Return the layers of a picture; draws the mouth into the moved photo."""
        frame, blend = self._frame(target, moved, window, landmarks, regions, seam)
        believed = self._trust.believed(self._engine.decode(frame), frame.condition, landmarks)
        return show_reference_pixels(believed, blend, regions)

    def _decoded_at_rest(self) -> tuple[FrameLayers, F32]:
        """Return the layers and the condition of the face as its photo shows it."""
        target = target_face(self.rig, self.identity, rest_motion(0.0))
        window = face_window(target.pose)
        landmarks = window.to_picture(target.landmarks)
        regions = region_masks(landmarks)
        moved = self._geometry.move(target)
        frame, _ = self._frame(target, moved, window, landmarks, regions, head_seam(regions))
        return self._engine.decode(frame), frame.condition

    def _frame(
        self, target: TargetFace, moved: MovedPhoto, window: Window, landmarks: F32, regions: U8, seam: U8
    ) -> tuple[FrameInput, ReferenceBlend]:
        """Return what the network is told, and what photos show; draws the mouth into the moved photo."""
        bare = head_crop(moved.picture, window)
        wanted = face_outline(target.landmarks, target.pose)
        blend = self._references.blend(wanted, landmarks, regions, bare, self._grid(moved, window))
        self._reference_share, self._guessed = blend.mouth, blend.guessed
        self._geometry.draw_mouth(moved.picture, target)
        turn = rotation_vector(np.asarray(target.pose.rotation @ self.rig.rest_pose.rotation.T, np.float32))
        frame = FrameInput(
            moved=recut(bare, moved.picture, window, landmarks[list(mesh.MOUTH_OPENING), :2]),
            nearest=blend.rgb,
            regions=regions,
            seam=seam,
            grid=blend.grid,
            latents=blend.latents,
            condition=condition(target.expression, turn),
        )
        return frame, blend

    def _grid(self, moved: MovedPhoto, window: Window) -> F32:
        """Return where in the resting photo's crop each place of the frame's crop comes from, (S/4, S/4, 2), -1..1."""
        step = CROP_SIZE / QUARTER / window.scale / COARSER
        # From the middle of a quarter-resolution pixel to the moving part's coarser ones.
        half = (CROP_SIZE / QUARTER - 1) / 2 / window.scale + 0.5
        to_part = np.array(
            [
                [step, 0, (window.left + half - moved.origin[0]) / COARSER - 0.5],
                [0, step, (window.top + half - moved.origin[1]) / COARSER - 0.5],
            ],
            np.float32,
        )
        flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (QUARTER, QUARTER)
        rest, to_grid = self._rest_window, 2 / CROP_SIZE
        planes = []
        # One at a time: OpenCV takes three times as long for pairs of numbers.
        for plane, corner, origin in zip(moved.places, (rest.left, rest.top), moved.rest_origin, strict=True):
            places = cv2.warpAffine(plane, to_part, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            first = (0.5 - (corner - origin) * rest.scale) * to_grid - 1
            planes.append(places * np.float32(rest.scale * to_grid) + np.float32(first))
        return np.asarray(cv2.merge(planes), np.float32)
