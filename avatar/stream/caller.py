"""The calling end of one WebRTC connection: an offer out, an answer in, then messages both ways and pictures back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol, cast

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from avatar.errors import ServerGoneError
from avatar.stream.aiortc_tuning import gather_loopback_too, tolerate_early_close
from avatar.stream.handshake_record import HandshakeRecord
from avatar.stream.ice_servers import IceServer, as_aiortc_takes_them
from avatar.stream.message_channel import CHANNEL_LABEL
from avatar.stream.packet_guard import PacketGuard
from avatar.stream.receiver_tuning import ReceiverTap, tune_receiver
from avatar.stream.transport_tuning import accept_checks_without_priority, accept_rsa_certificates
from avatar.stream.uplink import Uplink

BACKLOG_BYTES: Final = 262_144
"""Messages that may wait to leave: several seconds of speech. More means that nothing gets through."""


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


class Caller:
    """A call that sees; with an uplink it sends a camera and a microphone too. Used on the event loop only."""

    def __init__(
        self, listener: CallerListener, *, ice_servers: Sequence[IceServer] = (), uplink: Uplink | None = None
    ) -> None:
        """Prepare a call. Without a list of servers nobody is asked for our address."""
        self._listener, self._uplink = listener, uplink
        self._connection = RTCPeerConnection(RTCConfiguration(as_aiortc_takes_them(ice_servers)))
        tolerate_early_close(self._connection)
        self._video = self._connection.addTransceiver("video", direction="recvonly" if uplink is None else "sendrecv")
        if uplink is not None:
            uplink.offer(self._video, self._connection.addTransceiver("audio", direction="sendonly"))
        self._channel = self._connection.createDataChannel(CHANNEL_LABEL)
        self._channel.on("open", listener.on_channel_open)
        self._channel.on("message", listener.on_message)
        self._connection.on("connectionstatechange", self._on_state)
        self._pump: asyncio.Task[None] | None = None
        self._guard, self._handshake = PacketGuard(), HandshakeRecord()
        self._connected = False

    async def offer(self, *, loopback: bool) -> str:
        """Return the offer, complete with every candidate; with `loopback`, this machine's own address too."""
        accept_rsa_certificates(self._connection)
        accept_checks_without_priority(self._connection)
        self._guard.watch(self._connection)
        self._handshake.listen(self._connection)
        if loopback:
            gather_loopback_too(self._connection)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer. Raises ServerGoneError where it is none."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))
        except Exception as error:  # aiortc meets a stranger's text: it raises whatever that makes it stumble over
            raise ServerGoneError(f"The server's answer cannot be used: {error}") from error
        if self._uplink is not None:
            self._uplink.start()
        track = self._video.receiver.track
        self._pump = asyncio.create_task(self._pump_pictures(track, tune_receiver(self._video.receiver)))

    def send(self, message: str | bytes) -> None:
        """Send a message. Raises ServerGoneError where the channel is closed or nothing gets through."""
        if self._channel.readyState != "open":
            raise ServerGoneError("The connection to the server was closed.")
        if self._channel.bufferedAmount > BACKLOG_BYTES:
            raise ServerGoneError("The connection to the server is too slow, or lost.")
        self._channel.send(message)

    def why_lost(self) -> str:
        """Return why the connection failed, and what to do."""
        if self._connected:
            return "The connection to the server was lost."
        if self._handshake.error is not None:
            return (
                f"The connection to the server could not be encrypted ({self._handshake.error}). Install the same "
                "version on both machines, and let nothing that ends DTLS stand between them."
            )
        return (
            "No way to the server was found by UDP: a firewall may block it. Let UDP through, or give both ends a TURN "
            "server."
        )

    async def close(self) -> None:
        """Leave nothing running."""
        if self._uplink is not None:
            self._uplink.stop()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await self._connection.close()

    def _on_state(self) -> None:
        state = self._connection.connectionState
        self._connected = self._connected or state == "connected"
        if state == "failed":  # aiortc tells before all that led to it is known
            asyncio.get_running_loop().call_soon(self._listener.on_state, state)
        else:
            self._listener.on_state(state)

    async def _pump_pictures(self, track: MediaStreamTrack, tap: ReceiverTap) -> None:
        while True:
            try:
                frame = cast(av.VideoFrame, await track.recv())
            except MediaStreamError:
                return
            self._listener.on_picture(frame, tap.wire_timestamp(frame.pts or 0))
