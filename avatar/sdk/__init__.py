"""The SDK: a live face for a program of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar import import_on_demand

if TYPE_CHECKING:
    from avatar.sdk.avatar import Avatar
    from avatar.sdk.frames import AudioFrame, AvatarEvent, FellBehind, Frame, VideoFrame

__all__ = ["AudioFrame", "Avatar", "AvatarEvent", "FellBehind", "Frame", "VideoFrame"]

__getattr__ = import_on_demand(
    __name__,
    {
        "AudioFrame": "frames",
        "Avatar": "avatar",
        "AvatarEvent": "frames",
        "FellBehind": "frames",
        "Frame": "frames",
        "VideoFrame": "frames",
    },
)
