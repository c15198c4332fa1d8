"""An identity: what enrolment makes of one person's photos, once, and what an `.avatar` file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from avatar.generator.framing import frame_window
from avatar.trust.consent import Consent
from avatar.types import F32, U8


@dataclass(frozen=True, slots=True)
class Portrait:
    """One photo of the person."""

    rgb: U8
    """(height, width, 3), RGB."""
    landmarks_px: F32
    """(478, 3), pixels of `rgb`."""
    blendshapes: F32
    """(52,), 0..1: the expression in the photo."""


@dataclass(frozen=True, slots=True)
class PersonalLatents:
    """Latents of a person's portraits, fitted to them (`avatar.generator.tuning.personal`)."""

    tier: str
    version: int
    """`network_files.LATENTS_VERSION` they belong to; other networks do not understand them."""
    quarter: F32
    """(portraits, L4, 64, 64)."""
    eighth: F32
    """(portraits, L8, 32, 32)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person the generator can move. The first portrait is the one the avatar rests in."""

    name: str
    portraits: tuple[Portrait, ...]
    matte: U8
    """(height, width) of the first portrait: 255 person, 0 background, soft between."""
    plate: U8
    """(height, width, 3), RGB: the first portrait's background, with what hid behind the person filled in."""
    latents: PersonalLatents | None = None
    """Fitted latents; None: each portrait's own, encoded when needed."""
    consent: Consent | None = None
    """What its file states about whose face this is; None: nothing."""
    streams: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Its pictures as its file has them, compressed, by their names there: written again, a file is the same one."""

    @property
    def rest(self) -> Portrait:
        """The portrait the avatar rests in."""
        return self.portraits[0]

    def preview(self, size: int = 512) -> U8:
        """Return the avatar at rest, cut as a call shows it: (size, size, 3) RGB."""
        height, width = self.rest.rgb.shape[:2]
        window = frame_window(self.rest.landmarks_px, (width, height), (size, size))
        picture = cv2.warpAffine(
            self.rest.rgb,
            window.photo_to_picture,
            (size, size),
            flags=cv2.INTER_AREA if window.scale < 1 else cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.ascontiguousarray(picture, np.uint8)
