"""The modes of a call: what moves its picture, whether its quality adapts, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal, TypeAlias

from avatar.config import PictureSettings
from avatar.errors import AvatarError
from avatar.generator.identity import Identity
from avatar.motion.voice_network import VoiceNetwork
from avatar.sdk.bot_session import make_bot_session
from avatar.session.loopback import LoopbackSession
from avatar.session.opening import open_session
from avatar.session.protocol import LiveSession, MakeSession, SessionEvent
from avatar.types import Drive, Picture

Mode: TypeAlias = Literal["avatar", "bot", "echo"]

PIXELS_SHARE: Final = 0.35
"""Of a call's processor time with a picture of 512 x 512, what grows with its pixels: drawing, colours, encoding."""


def make_avatar_session(
    identity: Identity | None,
    picture: PictureSettings,
    *,
    drive: Drive,
    on_picture: Callable[[Picture], None],
    on_event: Callable[[SessionEvent], None],
    voice_network: VoiceNetwork | None = None,
) -> LiveSession:
    """Return the pipeline that moves `identity`. Raises AvatarError when there is none, ModelError, PerceptionError."""
    if identity is None:
        raise AvatarError("Choose an avatar to be shown.", code="unknown_avatar")
    return open_session(
        identity, picture, drive=drive, voice_network=voice_network, on_picture=on_picture, on_event=on_event
    )


def make_echo_session(
    identity: Identity | None,
    picture: PictureSettings,
    *,
    drive: Drive,
    on_picture: Callable[[Picture], None],
    on_event: Callable[[SessionEvent], None],
) -> LiveSession:
    """Return a session that sends the camera's own pictures back."""
    del identity, picture, drive
    return LoopbackSession(on_picture=on_picture, on_event=on_event)


def session_makers(voice_network: VoiceNetwork | None = None) -> dict[Mode, MakeSession]:
    """Return what makes the pipeline of each mode; `voice_network` moves the mouth to sound, None: the shipped one."""
    return {
        "avatar": partial(make_avatar_session, voice_network=voice_network),
        "bot": partial(make_bot_session, voice_network=voice_network),
        "echo": make_echo_session,
    }


def adapts(picture: PictureSettings, mode: Mode) -> bool:
    """Return whether a call's quality follows the machine and the line.

    A program counts on pictures of the size and at the times it asked for, an echo is as the camera sends it.
    """
    return mode == "avatar" and picture.quality == "auto"


def weight(mode: Mode, picture: PictureSettings, usual: PictureSettings) -> float:
    """Return what a call costs, where one that a camera drives costs 1 with the `usual` picture of its server.

    No face is followed in the others; a larger picture than usual takes longer to draw and to encode.
    """
    larger = picture.width * picture.height / (usual.width * usual.height)
    return (1.0 if mode == "avatar" else 0.5) * (1 + PIXELS_SHARE * (larger - 1))
