"""How a virtual camera does, and what its keys go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avatar.config import Background
from avatar.session.protocol import FaceSight
from avatar.virtual_camera.picture_output import OutputFigures


@dataclass(frozen=True, slots=True)
class BroadcastState:
    """How it goes, for a page that shows it."""

    faces: tuple[str, ...]
    face: int
    """Of `faces`, which is shown."""
    background: str
    muted: bool | None
    """None: nobody can be heard, and nothing muted."""
    follows_face: bool
    """A camera or clip moves the avatar."""
    sight: FaceSight
    figures: OutputFigures
    notes: tuple[tuple[int, str], ...]
    """The last ones, with their numbers."""


def following(backgrounds: Sequence[Background], now: Background) -> Background:
    """Return the background after this one, of those that a key goes through."""
    index = backgrounds.index(now) if now in backgrounds else -1
    return backgrounds[(index + 1) % len(backgrounds)]
