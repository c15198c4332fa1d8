"""The one data channel of a call: messages both ways, with bounds on what a peer may open and leave waiting."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiortc import RTCDataChannel, RTCPeerConnection

from avatar.stream.listeners import ConnectionListener

CHANNEL_LABEL: Final = "avatar"
CHANNELS_REFUSED: Final = 16
"""Channels beside the one of a call that are closed again; who opens more loses the call."""
BACKLOG_BYTES: Final = 65_536
"""Messages are dropped while this much is waiting: a peer that reads nothing must not fill our memory."""


class MessageChannel:
    """Takes the first channel of this label that the peer opens. Used on the event loop only."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection
        self._channel: RTCDataChannel | None = None
        self._refused = 0

    def listen(self, listener: ConnectionListener) -> None:
        """Tell `listener` when the channel is open and what comes over it; call it before the offer is read."""
        self._connection.on("datachannel", lambda channel: self._on_channel(channel, listener))

    def send(self, message: str) -> bool:
        """Send a message; False when there is no open channel, too much is waiting, or the peer takes no such length.

        How long a message may be is for the peer to say (`a=max-message-size`).
        """
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > BACKLOG_BYTES:
            return False
        if self._connection.connectionState != "connected":  # aiortc would fail in a task that nobody holds
            return False
        try:
            channel.send(message)
        except ValueError:  # longer than the peer takes
            return False
        return True

    async def flush(self, timeout_s: float) -> None:
        """Wait until the messages sent so far have left, but no longer than `timeout_s`."""
        end_s = time.monotonic() + timeout_s
        while self._channel is not None and self._channel.readyState == "open" and self._channel.bufferedAmount:
            if time.monotonic() >= end_s:
                return
            await asyncio.sleep(0.01)

    def _on_channel(self, channel: RTCDataChannel, listener: ConnectionListener) -> None:
        if channel.label != CHANNEL_LABEL or self._channel is not None:
            channel.close()
            self._refused += 1
            if self._refused > CHANNELS_REFUSED:
                listener.on_failure("Too many data channels were opened: a call has one.")
            return
        self._channel = channel
        channel.on("message", listener.on_message)
        listener.on_channel_open()
