"""The answering end of a WebRTC connection: ICE, DTLS and who guards them. What flows is for its kinds to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, TypeAlias

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.stats import RTCTransportStats

from avatar.config import TransportSettings
from avatar.errors import AvatarError, OfferError
from avatar.stream.codecs.encoders import preferred_video_codecs
from avatar.stream.connect_failure import ConnectFacts, ConnectFailure, why_not_connected
from avatar.stream.ice_servers import as_aiortc_takes_them, ice_servers
from avatar.stream.rtp.direct_reading import DirectReading
from avatar.stream.rtp.packet_guard import DropReason, PacketGuard
from avatar.stream.sdp.answer import complete_answer
from avatar.stream.sdp.offer import Offer
from avatar.stream.trickle import Fragment
from avatar.stream.tuning.aiortc_lifetime import close_connection, wait_briefly_for_servers
from avatar.stream.tuning.aiortc_tuning import gather_loopback_only, tolerate_early_close
from avatar.stream.tuning.candidate_gathering import announce_address, gather_in_ports
from avatar.stream.tuning.consent import keep_consent, said_goodbye
from avatar.stream.tuning.handshake_record import HandshakeRecord
from avatar.stream.tuning.peer_addresses import PeerAddresses
from avatar.stream.tuning.transport_tuning import (
    accept_checks_without_priority,
    accept_rsa_certificates,
    ice_agents,
    let_the_peer_begin_dtls,
    let_the_peer_check_first,
)

logger = logging.getLogger(__name__)

Direction: TypeAlias = Literal["sendrecv", "sendonly"]
StartMedia: TypeAlias = Callable[[RTCRtpTransceiver | None, RTCRtpTransceiver | None], None]
"""Is given the video's and the audio's transceiver once their codecs are agreed on; None where none is offered."""


class AnsweringPeer:
    """What `Peer` and `WatchPeer` share. Used on the event loop only."""

    def __init__(self, settings: TransportSettings) -> None:
        """Prepare a connection."""
        self._settings = settings
        self._connection = RTCPeerConnection(RTCConfiguration(as_aiortc_takes_them(ice_servers(settings))))
        tolerate_early_close(self._connection)
        self._guard, self._handshake = PacketGuard(), HandshakeRecord()
        self._reading = DirectReading()
        self._addresses: PeerAddresses | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def trickle(self, fragment: Fragment) -> None:
        """Try these addresses of the peer too. Raises TrickleError: too many, or an ICE restart (`ice_restart`)."""
        if self._addresses is not None and self._closing is None:
            names = await self._addresses.add(fragment)
            if names and not self._settings.loopback_only:
                self._run(self._addresses.find_names(names))

    def packets_dropped(self) -> Mapping[DropReason, int]:
        """Return how many packets were kept from the connection so far, by reason."""
        return self._guard.dropped

    @property
    def said_goodbye(self) -> bool:
        """Whether the peer has ended the connection itself, rather than been lost."""
        return said_goodbye(self._connection)

    def why_not_connected(self) -> ConnectFailure:
        """Return what kept the connection from being made, as far as is known by now."""
        addresses = sum(len(agent.remote_candidates) for agent in ice_agents(self._connection))
        return why_not_connected(
            ConnectFacts(self._guard.checks, addresses, self._handshake.began, self._handshake.error)
        )

    async def close(self) -> None:
        """Leave nothing running. Idempotent; every caller waits for the end."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _answer_with(
        self, offer: Offer, direction: Direction, on_state: Callable[[str], None], start: StartMedia
    ) -> str:
        """Return the SDP answer, complete with every candidate; media may flow from then on.

        Once. Raises OfferError, and ServerFullError where no port is free; the peer is then closed.
        """
        try:
            return await self._describe(offer, direction, on_state, start)
        except AvatarError:
            await self.close()
            raise
        except Exception as error:  # aiortc meets a stranger's text: it raises whatever that makes it stumble over
            await self.close()
            logger.warning("an offer that was thought good could not be answered: %r", error)
            raise OfferError("The offer cannot be answered. The server's log names what failed.") from error

    async def _describe(
        self, offer: Offer, direction: Direction, on_state: Callable[[str], None], start: StartMedia
    ) -> str:
        connection = self._connection
        self._addresses = PeerAddresses(connection, offer)
        video = connection.addTransceiver("video", direction) if offer.has_video else None
        if video is not None:
            # Codec preferences count only if they are there before the offer is.
            video.setCodecPreferences(preferred_video_codecs())
        audio = connection.addTransceiver("audio", direction) if offer.has_audio else None
        connection.on("connectionstatechange", lambda: on_state(connection.connectionState))
        await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        let_the_peer_begin_dtls(connection)
        accept_rsa_certificates(connection)
        accept_checks_without_priority(connection)
        keep_consent(connection)
        let_the_peer_check_first(connection)
        self._guard.watch(connection, self._reading)
        self._handshake.listen(connection)
        start(video, audio)
        if self._settings.udp_ports is not None:
            gather_in_ports(connection, self._settings.udp_ports)
        if self._settings.public_address is not None:
            announce_address(connection, self._settings.public_address)
        wait_briefly_for_servers(connection)
        if self._settings.loopback_only:
            gather_loopback_only(connection)
        elif offer.local_names:
            self._run(self._addresses.find_names(offer.local_names))
        await connection.setLocalDescription(await connection.createAnswer())
        return complete_answer(connection.localDescription.sdp, offer.plan)

    def _directions(self) -> list[tuple[str, str]]:
        """Return the kind of each section, and which way it goes, once the offer has been answered."""
        return [(section.kind, section.currentDirection or "") for section in self._connection.getTransceivers()]

    def _tracks(self) -> list[MediaStreamTrack]:
        """Return the tracks that end with the connection."""
        return []

    async def _packets_received(self) -> int:
        report = await self._connection.getStats()
        return sum(entry.packetsReceived for entry in report.values() if isinstance(entry, RTCTransportStats))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for track in self._tracks():
            track.stop()
        await close_connection(self._connection)
