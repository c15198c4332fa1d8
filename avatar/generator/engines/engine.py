"""The protocol of an engine: the network's two halves as plain numpy functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from avatar.generator.network_input import INNER, REGIONS
from avatar.types import F32, U8


class Latents(NamedTuple):
    """What the encoder keeps of one photo; made by one engine for itself."""

    quarter: F32
    """(1, L4, S/4, S/4)."""
    eighth: F32
    """(1, L8, S/8, S/8)."""


@dataclass(frozen=True, slots=True)
class FrameInput:
    """One frame, of which the decoder is told."""

    moved: U8
    """(S, S, 3)."""
    nearest: U8
    """(S, S, 3)."""
    regions: U8
    """(5, S, S)."""
    seam: U8
    """(S, S)."""
    grid: F32
    """(S/4, S/4, 2)."""
    latents: Latents
    condition: F32
    """(55,), from `network_input.condition`."""

    def by_name(self) -> dict[str, F32 | U8]:
        """Return the exported decoder's inputs, each with the batch's axis in front.

        `network_export.FrameDecoder.layers` says what each is.
        """
        left, top, right, bottom = INNER
        whole, inner = (1, *self.seam.shape), (1, bottom - top, right - left)
        shapes = dict.fromkeys(("moved", "nearest", "masks"), (*whole, 4)) | {
            "inner_mouth": (*inner, 4),
            "inner_seam": (*inner, 4),
            "seam": (*whole, 1),
        }
        pictures = {name: np.empty(shape, np.uint8) for name, shape in shapes.items()}
        self.write_pictures(pictures)
        return pictures | {
            "grid": self.grid[None],
            "latent4": self.latents.quarter,
            "latent8": self.latents.eighth,
            "condition": self.condition[None],
        }

    def write_pictures(self, into: Mapping[str, U8]) -> None:
        """Write those inputs that are pictures into arrays like `by_name`'s, such as an engine's own."""
        left, top, right, bottom = INNER
        mouth = self.regions[REGIONS.index("mouth")]
        for name, picture in (("moved", self.moved), ("nearest", self.nearest)):
            cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA, dst=into[name][0])
        cv2.insertChannel(mouth, into["moved"][0], 3)
        cv2.merge([mask for mask, name in zip(self.regions, REGIONS, strict=True) if name != "mouth"], into["masks"][0])
        for name, mask in (("inner_mouth", mouth), ("inner_seam", self.seam)):
            cv2.cvtColor(mask[top:bottom, left:right], cv2.COLOR_GRAY2RGBA, dst=into[name][0])
        into["seam"][0, ..., 0] = self.seam


class FrameLayers(NamedTuple):
    """What the decoder makes of a moved photo: keep * (the photo, sampled `shift` further, + tone) + add.

    `add` and `keep` cover the crop's part `network_input.INNER`; around it nothing is added and all is kept. Their
    fourth channel says nothing: it makes them quicker to resample (`sampling`).
    """

    add: U8
    """(H, W, 4), levels of 255."""
    keep: U8
    """(H, W, 4), 255 where all is kept."""
    shift: F32
    """(S/4, S/4, 2): (x, y) in pixels of the crop."""
    tone: F32
    """(S/8, S/8, 3), levels of 255."""


class Engine(Protocol):
    """One tier's network on one runtime. Engines are shared: any thread may call, one frame at a time each."""

    name: str
    """As `engines.choice.ENGINES` lists it."""
    tier: str

    def encode(self, rgb: U8) -> Latents:
        """Return the latents of a photo's crop (S, S, 3) RGB."""

    def decode(self, frame: FrameInput) -> FrameLayers:
        """Return one frame's layers."""
