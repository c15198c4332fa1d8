"""A live face for anyone and any bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avatar.sdk.avatar import Avatar
    from avatar.sdk.frames import AudioFrame, AvatarEvent, FellBehind, Frame, VideoFrame
    from avatar.timing.playback import SpeechFinished, SpeechInterrupted, SpeechStarted

__version__ = "0.1.0"
__all__ = [
    "AudioFrame",
    "Avatar",
    "AvatarEvent",
    "FellBehind",
    "Frame",
    "SpeechFinished",
    "SpeechInterrupted",
    "SpeechStarted",
    "VideoFrame",
]


def __getattr__(name: str) -> Any:
    """Import what a program asks for when it asks for it: the command line and the server start without the SDK."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - the package itself stays light

    module = "sdk.avatar" if name == "Avatar" else "timing.playback" if name.startswith("Speech") else "sdk.frames"
    return getattr(import_module(f"{__name__}.{module}"), name)
