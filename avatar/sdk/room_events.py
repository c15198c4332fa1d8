"""What happens in a room, as a program is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from avatar.media.pcm import I16
from avatar.types import U8


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody else in the room."""

    id: str
    """What this one is known by, as long as they stay."""
    name: str
    """What they call themselves; often empty."""
    microphone: bool
    camera: bool
    speaking: bool


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """Somebody has come or left, begun or ended to speak, or switched a device."""

    members: tuple[Member, ...]
    """The others, in the order of their coming."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A piece of what another says."""

    member: str
    """Their id."""
    samples: I16
    """(n,), int16, one channel."""
    sample_rate: int


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture of another's avatar."""

    member: str
    """Their id."""
    rgb: U8
    """(height, width, 3), uint8."""


RoomEvent: TypeAlias = MembersChanged | Heard | Seen
