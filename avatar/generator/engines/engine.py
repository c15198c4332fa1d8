"""The protocol of an engine: the network's two halves as plain numpy functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from avatar.types import F32, U8


class Latents(NamedTuple):
    """What the encoder keeps of one photo; made by one engine for itself."""

    quarter: F32
    """(1, L4, S/4, S/4)."""
    eighth: F32
    """(1, L8, S/8, S/8)."""


@dataclass(frozen=True, slots=True)
class FrameInput:
    """One frame as the decoder takes it; `network_export.FrameDecoder.forward` says what each part is."""

    moved: U8
    """(S, S, 3)."""
    nearest: U8
    """(S, S, 3)."""
    regions: U8
    """(S, S, 5)."""
    seam: U8
    """(S, S, 1)."""
    grid: F32
    """(S/4, S/4, 2)."""
    latents: Latents
    condition: F32
    """(55,), from `network_input.condition`."""

    def by_name(self) -> dict[str, F32 | U8]:
        """Return the exported decoder's inputs, each with the batch's axis in front."""
        return {
            "moved": self.moved[None],
            "nearest": self.nearest[None],
            "regions": self.regions[None],
            "seam": self.seam[None],
            "grid": self.grid[None],
            "latent4": self.latents.quarter,
            "latent8": self.latents.eighth,
            "condition": self.condition[None],
        }


class FrameLayers(NamedTuple):
    """What the decoder makes of a moved photo: keep * (the photo, sampled `shift` further, + tone) + add.

    `add` and `keep` cover the crop's part `network_input.INNER`; around it nothing is added and all is kept.
    """

    add: F32
    """(H, W, 3), levels of 255."""
    keep: F32
    """(H, W, 3), 0..1."""
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
