"""What a person's photos lend to a frame: latents, a mouth, eyes, each from the photo that has them most as wanted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.face.pose import fit_pose
from avatar.generator.engines.engine import Engine, FrameLayers, Latents
from avatar.generator.face_crop import CROP_SIZE, cut_crop, face_window
from avatar.generator.identity import Identity
from avatar.generator.network_files import LATENTS_VERSION
from avatar.generator.network_input import INNER, REGIONS, CropWarp, View, sampling_grid, with_eyes_of
from avatar.generator.references import Look, Part, lent_share, look, nearest_reference
from avatar.types import F32, U8


@dataclass(frozen=True, slots=True)
class Lent:
    """What the photos lend to one frame."""

    rgb: U8
    """(S, S, 3): the photo with the nearest mouth, moved, with the eyes of the photo with the nearest eyes."""
    grid: F32
    """(S/4, S/4, 2): where in the former each place comes from, -1..1."""
    latents: Latents
    """The former's."""
    mouth: float
    eyes: float
    """How much of either the photos' own pixels are to show, 0..1 (`references.lent_share`)."""


class Lenders:
    """One person's photos, the resting one first. Not for several threads at once."""

    def __init__(self, identity: Identity, engine: Engine) -> None:
        """Encode every photo and make all but the first ready to be moved; takes tens of milliseconds each."""
        fitted = identity.latents
        if fitted is not None and (fitted.tier, fitted.version) != (engine.tier, LATENTS_VERSION):
            fitted = None  # made for another network: the photos' own will do
        self._latents: list[Latents] = []
        self._others: list[_Other] = []
        self._looks: list[Look] = []
        for index, portrait in enumerate(identity.portraits):
            pose = fit_pose(portrait.landmarks_px)
            window = face_window(pose)
            crop = cut_crop(portrait.rgb, window, CROP_SIZE)
            self._latents.append(
                engine.encode(crop)
                if fitted is None
                else Latents(fitted.quarter[index : index + 1], fitted.eighth[index : index + 1])
            )
            self._looks.append(look(portrait.landmarks_px, pose))
            if index:
                self._others.append(_Other(crop, window.to_picture(portrait.landmarks_px)))
        self._last: dict[Part, int] = {"mouth": 0, "eyes": 0}

    def lend(self, wanted: Look, landmarks: F32, regions: U8, resting: U8, grid: F32) -> Lent:
        """Return what the photos lend to a frame.

        Args:
            wanted: how the frame is to look.
            landmarks: (478, 3) in the frame's crop.
            regions: (S, S, 5) of the frame, `network_input.REGIONS`.
            resting: (S, S, 3), the resting photo moved, its openings stretched as they are.
            grid: (S/4, S/4, 2), where in the resting photo's crop each place comes from, -1..1.
        """
        for part in self._last:
            self._last[part] = nearest_reference(wanted, self._looks, part, kept=self._last[part])
        mouth, eyes = self._last["mouth"], self._last["eyes"]
        # The resting photo is moved already; the others only when they lend something.
        views = {other: self._others[other - 1].view(landmarks) for other in {mouth, eyes} - {0}}
        rgb = views[mouth].rgb if mouth else resting
        if eyes != mouth:
            rgb = with_eyes_of(rgb, views[eyes].rgb if eyes else resting, regions)
        if mouth:
            grid = sampling_grid(views[mouth].places, CROP_SIZE // 4)
        return Lent(
            rgb,
            grid,
            self._latents[mouth],
            mouth=lent_share(wanted, self._looks[mouth], "mouth"),
            eyes=lent_share(wanted, self._looks[eyes], "eyes"),
        )


def lent_through(layers: FrameLayers, lent: Lent, regions: U8) -> FrameLayers:
    """Return layers in which the photos' own pixels show their share of mouth and eyes.

    `regions` are the frame's (S, S, 5), `network_input.REGIONS`.
    """
    left, top, right, bottom = INNER
    add, keep = layers.add.copy(), layers.keep.copy()
    for part, most in (("mouth", lent.mouth), ("eyes", lent.eyes)):
        mask = np.ascontiguousarray(regions[top:bottom, left:right, REGIONS.index(part)])
        x, y, width, height = cv2.boundingRect(mask)
        if most == 0 or not width:
            continue
        box = (slice(y, y + height), slice(x, x + width))
        share = mask[box].astype(np.float32)[..., None] * np.float32(most / 255)
        add[box] += share * (lent.rgb[top:bottom, left:right][box] - add[box])
        keep[box] *= 1 - share
    return layers._replace(add=add, keep=keep)


class _Other:
    """A photo that is not the resting one: only its face is of use, so its body may move along with the crop."""

    def __init__(self, crop: U8, landmarks: F32) -> None:
        self._window = face_window(fit_pose(landmarks))
        self._warp = CropWarp(crop, landmarks, self._window)

    def view(self, landmarks: F32) -> View:
        return self._warp.view(landmarks, self._window)
