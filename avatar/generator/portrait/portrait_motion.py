"""What the `portrait` tier asks of LivePortrait's networks, without what they run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from avatar.types import F32, U8

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class PortraitMotion:
    """How a photo's head is to be moved from how it is held there."""

    rotation: F32
    """(3, 3), turns column vectors in the camera's axes."""
    expression: F32
    """(21, 3), change of the keypoints' offsets."""
    scale: float
    """Size relative to the photo's."""
    translation: F32
    """(2,), in halves of the square's side, x right and y down."""
    lip_opening: float
    """Wanted of lips and lids, as `crop.lip_opening` and `crop.eye_openings` measure."""
    eye_opening: float
    lip_share: float
    """0..1: how far the lip network opens and shuts the lips; the rest is the expression's."""
    eye_share: float


class PortraitDrawer(Protocol[Source]):
    """LivePortrait's networks. Shared by calls: any thread may call."""

    name: str
    """The engine that they run on."""

    def source(self, rgb: U8, lip_opening: float, eye_openings: tuple[float, float]) -> Source:
        """Return a photo's square (256, 256, 3) RGB, ready to be moved, its lips and lids measured as given."""

    def read(self, rgb: U8) -> tuple[F32, F32]:
        """Return what a square (256, 256, 3) RGB shows: (21, 3) expression offsets, (3, 3) rotation of columns."""

    def draw(self, source: Source, motion: PortraitMotion) -> U8:
        """Return the picture of a photo's square, moved, (512, 512, 3) RGB."""


@runtime_checkable
class PictureComposer(Protocol):
    """A `PortraitDrawer` that can lay what it draws back into the photo by itself."""

    composes: bool
    """Whether that is quicker here than by the processor."""

    def place(self, around_rgb: U8, share: U8, to_picture: F32) -> Any:
        """Return where squares go in a picture (H, W, 3) RGB.

        The square's share of each pixel is (H, W), of 255; (2, 3) leads from the square's pixels to the picture's.
        """

    def draw_i420(self, source: Any, motion: PortraitMotion, placement: Any) -> U8:
        """Return the picture of a photo's square, moved and laid back, as planar YUV (H * 3 / 2, W)."""
