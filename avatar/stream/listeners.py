"""Whom a connection tells what happens. Every method is called on the event loop and must not block."""

from __future__ import annotations

from typing import Protocol

import av

from avatar.stream.video_track import SentPicture
from avatar.types import CaptureStamp


class ConnectionListener(Protocol):
    """Follows the connection itself and its messages."""

    def on_state(self, state: str) -> None:
        """aiortc's connection state: connecting, connected, failed or closed."""

    def on_channel_open(self) -> None:
        """Messages can be sent from now on."""

    def on_message(self, message: str | bytes) -> None:
        """A message came over the data channel."""

    def on_failure(self, reason: str) -> None:
        """Pictures can no longer be sent."""


class MediaListener(Protocol):
    """Takes the peer's picture and sound, and follows what of ours leaves."""

    def on_camera(self, frame: av.VideoFrame, capture: CaptureStamp, skipped: int) -> None:
        """One decoded camera picture, `skipped` older ones having been passed over."""

    def on_microphone(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """One decoded piece of sound; time.monotonic() seconds."""

    def on_picture_sent(self, sent: SentPicture) -> None:
        """A picture was handed to the network."""

    def on_audio_sent(self, frame: av.AudioFrame, delay_s: float) -> None:
        """A piece of sound was handed to the network, so long after it arrived."""
