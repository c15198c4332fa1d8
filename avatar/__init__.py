"""A live face for anyone and any bot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar.sdk.avatar import Avatar
    from avatar.sdk.frame_recorder import FrameRecorder
    from avatar.sdk.frames import AudioFrame, AvatarEvent, FellBehind, Frame, VideoFrame
    from avatar.sdk.room import Room
    from avatar.timing.speech_events import SpeechFinished, SpeechInterrupted, SpeechStarted

__version__ = "0.1.0"
__all__ = [
    "AudioFrame",
    "Avatar",
    "AvatarEvent",
    "FellBehind",
    "Frame",
    "FrameRecorder",
    "Room",
    "SpeechFinished",
    "SpeechInterrupted",
    "SpeechStarted",
    "VideoFrame",
]


def import_on_demand(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562): it imports what a program asks for when it asks for it.

    So the command line and the server start without the SDK.

    Args:
        package: its name.
        homes: the module, within the package, of each name that it exports.
    """

    def get_attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get_attribute


__getattr__ = import_on_demand(
    __name__,
    {
        "AudioFrame": "sdk.frames",
        "Avatar": "sdk.avatar",
        "AvatarEvent": "sdk.frames",
        "FellBehind": "sdk.frames",
        "Frame": "sdk.frames",
        "FrameRecorder": "sdk.frame_recorder",
        "Room": "sdk.room",
        "SpeechFinished": "timing.speech_events",
        "SpeechInterrupted": "timing.speech_events",
        "SpeechStarted": "timing.speech_events",
        "VideoFrame": "sdk.frames",
    },
)
