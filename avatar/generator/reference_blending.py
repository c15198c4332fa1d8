"""Reference blending: a frame's latents, mouth and eyes come from the photos whose own are most like them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.face.pose import fit_pose
from avatar.generator.engines.engine import Engine, FrameLayers, Latents
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.identity import Identity
from avatar.generator.mouth_photos import MouthPhotos, mouth_photos
from avatar.generator.network_files import LATENTS_VERSION
from avatar.generator.network_input import INNER, REGIONS, CropWarp, View, sampling_grid, with_eyes_of
from avatar.generator.references import FaceOutline, Part, eyes_share, face_outline, nearest_reference
from avatar.types import F32, U8


@dataclass(frozen=True, slots=True)
class ReferenceBlend:
    """What the reference photos give one frame."""

    rgb: U8
    """(S, S, 3): the photo with the nearest mouth, moved, with the eyes of the photo with the nearest eyes."""
    grid: F32
    """(S/4, S/4, 2): where in that photo's crop each place comes from, -1..1."""
    latents: Latents
    """Of the photo with the nearest mouth."""
    mouth_rgb: U8
    """(S, S, 3), valid inside the lips: the mouths of the photos that show there, moved and mixed."""
    mouth: float
    eyes: float
    """How much of `mouth_rgb` in the mouth, and of `rgb` in the eyes, is to show, 0..1."""
    guessed: float
    """How much of the mouth no photo shows, 0..1."""


class ReferenceBlender:
    """Chooses and blends one person's photos, the resting one first. Not for several threads at once."""

    def __init__(self, identity: Identity, engine: Engine) -> None:
        """Encode every photo and make all but the first ready to be moved; takes tens of milliseconds each."""
        fitted = identity.latents
        if fitted is not None and (fitted.tier, fitted.version) != (engine.tier, LATENTS_VERSION):
            fitted = None  # made for another network: the photos' own will do
        self._latents: list[Latents] = []
        self._others: list[_MovableReference] = []
        self._outlines: list[FaceOutline] = []
        for index, portrait in enumerate(identity.portraits):
            pose = fit_pose(portrait.landmarks_px)
            window = face_window(pose)
            crop = cut_crop(portrait.rgb, window, CROP_SIZE)
            self._latents.append(
                engine.encode(crop)
                if fitted is None
                else Latents(fitted.quarter[index : index + 1], fitted.eighth[index : index + 1])
            )
            self._outlines.append(face_outline(portrait.landmarks_px, pose))
            if index:
                self._others.append(_MovableReference(crop, window.to_picture(portrait.landmarks_px)))
        self._last: dict[Part, int] = {"mouth": 0, "eyes": 0}
        self._shown: MouthPhotos | None = None

    def blend(self, wanted: FaceOutline, landmarks: F32, regions: U8, resting: U8, grid: F32) -> ReferenceBlend:
        """Return the blend of references for a frame.

        Args:
            wanted: the frame's own outlines.
            landmarks: (478, 3) in the frame's crop.
            regions: (5, S, S) of the frame, `network_input.REGIONS`.
            resting: (S, S, 3), the resting photo moved, its openings stretched as they are.
            grid: (S/4, S/4, 2), where in the resting photo's crop each place comes from, -1..1.
        """
        for part in self._last:
            self._last[part] = nearest_reference(wanted, self._outlines, part, kept=self._last[part])
        mouth, eyes = self._last["mouth"], self._last["eyes"]
        # The resting photo is moved already; the others only when they are used.
        views = {other: self._others[other - 1].view(landmarks) for other in {mouth, eyes} - {0}}
        moved = {0: resting} | {other: view.rgb for other, view in views.items()}
        rgb = moved[mouth]
        if eyes != mouth:
            rgb = with_eyes_of(rgb, moved[eyes], regions[REGIONS.index("eyes")])
        if mouth:
            grid = sampling_grid(views[mouth].places, CROP_SIZE // 4)
        self._shown = shown = mouth_photos(wanted, self._outlines, self._shown)
        mouth_rgb = rgb
        if regions[REGIONS.index("mouth")].any():  # between lips that are shut nothing shows
            for other in {shown.first, shown.second} - moved.keys():
                moved[other] = self._others[other - 1].mouth_on(rgb, landmarks)
            mouth_rgb = moved[shown.first]
            if shown.second != shown.first:
                second = shown.second_part
                mixed = cv2.addWeighted(mouth_rgb, 1 - second, moved[shown.second], second, 0)
                mouth_rgb = np.asarray(mixed, np.uint8)
        return ReferenceBlend(
            rgb,
            grid,
            self._latents[mouth],
            mouth_rgb=mouth_rgb,
            mouth=shown.share,
            eyes=eyes_share(wanted, self._outlines[eyes]),
            guessed=shown.guessed,
        )


def show_reference_pixels(layers: FrameLayers, blend: ReferenceBlend, regions: U8) -> FrameLayers:
    """Return layers in which the references' own pixels take their share of mouth and eyes.

    `regions` are the frame's (5, S, S), `network_input.REGIONS`.
    """
    if blend.mouth == 0 and blend.eyes == 0:
        return layers
    left, top, right, bottom = INNER
    add, keep = layers.add.copy(), layers.keep.copy()
    for part, most, rgb in (("mouth", blend.mouth, blend.mouth_rgb), ("eyes", blend.eyes, blend.rgb)):
        mask = regions[REGIONS.index(part), top:bottom, left:right]
        x, y, width, height = cv2.boundingRect(mask)
        if most == 0 or not width:
            continue
        box = (slice(y, y + height), slice(x, x + width))
        share = mask[box] * np.float32(most / 255)
        rest = 1 - share
        own = cv2.cvtColor(rgb[top:bottom, left:right][box], cv2.COLOR_RGB2RGBA)
        add[box][..., :3] = cv2.blendLinear(own, add[box], share, rest)[..., :3]
        keep[box] = cv2.multiply(keep[box], cv2.merge([rest] * keep.shape[2]), dtype=cv2.CV_8U)
    return layers._replace(add=add, keep=keep)


class _MovableReference:
    """A photo other than the resting one: only its face is used, so its body may move along with the crop."""

    def __init__(self, crop: U8, landmarks: F32) -> None:
        self._window = face_window(fit_pose(landmarks))
        self._warp = CropWarp(crop, landmarks, self._window)

    def view(self, landmarks: F32) -> View:
        return self._warp.view(landmarks, self._window)

    def mouth_on(self, rgb: U8, landmarks: F32) -> U8:
        return self._warp.mouth_on(rgb, landmarks)
