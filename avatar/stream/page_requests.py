"""What a page asks of the server over the data channel.

page -> server: calibrate, set_avatar, set_drive, set_background, cue, sound, devices, trace, ping

`docs/protocol.md` describes them. A new message is a dataclass here and a row of `REQUESTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from avatar.motion.cues import LONGEST_CUE
from avatar.stream.data_channel import Vocabulary
from avatar.types import Drive

RequestId: TypeAlias = Annotated[str, Field(max_length=64)] | None
"""Echoed as `reply_to` by an error, so that the page knows which request failed."""


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Take the driver's resting face anew."""

    id: RequestId = None


@dataclass(frozen=True, slots=True)
class SetAvatar:
    """Show another avatar."""

    avatar: Annotated[str, Field(min_length=1, max_length=128)]
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class SetDrive:
    """Let the camera, the voice or both move the avatar, or talk with it."""

    drive: Drive
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class SetBackground:
    """Put something else behind the avatar."""

    background: Annotated[str, Field(min_length=1, max_length=64)]
    """keep, blur, transparent, a colour as #RRGGBB, or the id of a picture that was uploaded."""
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class GiveCue:
    """Let the avatar show something, in words of `avatar.motion.cues`; none, or "neutral", ends what is shown."""

    text: Annotated[str, Field(max_length=LONGEST_CUE)]
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class Sound:
    """Say whether the page plays the sound: pictures that need not wait for it are shown as they come."""

    played: bool
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class Devices:
    """Say whether microphone and camera are on: in a room, the others are shown it."""

    microphone: bool
    camera: bool
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Start or stop reporting which camera frame each picture answers."""

    enabled: bool
    id: RequestId = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for a pong, to measure the way there and back."""

    t: Annotated[float, Field(allow_inf_nan=False)] | int
    id: RequestId = None


Request: TypeAlias = Calibrate | SetAvatar | SetDrive | SetBackground | GiveCue | Sound | Devices | Trace | Ping
REQUESTS: Final = Vocabulary[Request](
    {
        "calibrate": Calibrate,
        "set_avatar": SetAvatar,
        "set_drive": SetDrive,
        "set_background": SetBackground,
        "cue": GiveCue,
        "sound": Sound,
        "devices": Devices,
        "trace": Trace,
        "ping": Ping,
    }
)
"""What a page sends."""
