"""The offering end of a WebRTC connection: ICE, DTLS and why they failed. What flows is for its kinds to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from avatar.errors import ServerGoneError
from avatar.stream.ice_servers import IceServer, as_aiortc_takes_them
from avatar.stream.message_channel import CHANNEL_LABEL
from avatar.stream.rtp.packet_guard import PacketGuard
from avatar.stream.tuning.aiortc_tuning import gather_loopback_too, ice_agents, tolerate_early_close
from avatar.stream.tuning.handshake_record import HandshakeRecord
from avatar.stream.tuning.transport_tuning import accept_checks_without_priority, accept_rsa_certificates

BACKLOG_BYTES: Final = 262_144
"""Messages that may wait to leave: several seconds of speech. More means that nothing gets through."""


class OfferingPeer:
    """What every connection that a program makes to a server shares. Used on the event loop only."""

    def __init__(self, on_state: Callable[[str], None], ice_servers: Sequence[IceServer]) -> None:
        """Prepare a connection; `on_state` is told aiortc's states. Without a list of servers nobody is asked."""
        self._on_state = on_state
        self._connection = RTCPeerConnection(RTCConfiguration(as_aiortc_takes_them(ice_servers)))
        tolerate_early_close(self._connection)
        self._connection.on("connectionstatechange", self._tell_state)
        self._guard, self._handshake = PacketGuard(), HandshakeRecord()
        self._connected = False
        self._channel: RTCDataChannel | None = None

    async def offer(self, *, loopback: bool) -> str:
        """Return the offer, complete with every candidate; with `loopback`, this machine's own address too."""
        accept_rsa_certificates(self._connection)
        accept_checks_without_priority(ice_agents(self._connection))
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

    def send(self, message: str | bytes) -> None:
        """Send a message. Raises ServerGoneError where the channel is closed or nothing gets through."""
        if self._channel is None or self._channel.readyState != "open":
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
        await self._connection.close()

    def _open_channel(self, on_open: Callable[[], None], on_message: Callable[[str | bytes], None]) -> None:
        self._channel = self._connection.createDataChannel(CHANNEL_LABEL)
        self._channel.on("open", on_open)
        self._channel.on("message", on_message)

    def _tell_state(self) -> None:
        state = self._connection.connectionState
        self._connected = self._connected or state == "connected"
        if state == "failed":  # aiortc tells before all that led to it is known
            asyncio.get_running_loop().call_soon(self._on_state, state)
        else:
            self._on_state(state)
