"""The calling end of one WebRTC connection: an offer out, an answer in, then messages both ways and pictures back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, cast

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from avatar.stream.ice_servers import IceServer
from avatar.stream.offering_peer import OfferingPeer
from avatar.stream.tuning.receiver_tuning import ReceiverTap, tune_receiver
from avatar.stream.uplink import Uplink


class CallerListener(Protocol):
    """Whom a caller tells what happens. Every method is called on the event loop and must not block."""

    def on_state(self, state: str) -> None:
        """aiortc's connection state: connecting, connected, failed or closed."""

    def on_channel_open(self) -> None:
        """Messages can be sent from now on."""

    def on_message(self, message: str | bytes) -> None:
        """A message came over the data channel."""

    def on_picture(self, frame: av.VideoFrame, wire_timestamp: int) -> None:
        """A picture was decoded; its RTP timestamp (32 bits) is that on the wire."""


class Caller(OfferingPeer):
    """A call that sees; with an uplink it sends a camera and a microphone too. Used on the event loop only."""

    def __init__(
        self, listener: CallerListener, *, ice_servers: Sequence[IceServer] = (), uplink: Uplink | None = None
    ) -> None:
        """Prepare a call. Without a list of servers nobody is asked for our address."""
        super().__init__(listener.on_state, ice_servers)
        self._listener, self._uplink = listener, uplink
        self._video = self._connection.addTransceiver("video", direction="recvonly" if uplink is None else "sendrecv")
        if uplink is not None:
            uplink.offer(self._video, self._connection.addTransceiver("audio", direction="sendonly"))
        self._open_channel(listener.on_channel_open, listener.on_message)
        self._pump: asyncio.Task[None] | None = None

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer. Raises ServerGoneError where it is none."""
        await super().accept(answer_sdp)
        if self._uplink is not None:
            self._uplink.start()
        track = self._video.receiver.track
        self._pump = asyncio.create_task(self._pump_pictures(track, tune_receiver(self._video.receiver)))

    async def close(self) -> None:
        """Leave nothing running."""
        if self._uplink is not None:
            self._uplink.stop()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await super().close()

    async def _pump_pictures(self, track: MediaStreamTrack, tap: ReceiverTap) -> None:
        while True:
            try:
                frame = cast(av.VideoFrame, await track.recv())
            except MediaStreamError:
                return
            self._listener.on_picture(frame, tap.wire_timestamp(frame.pts or 0))
