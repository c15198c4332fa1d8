"""The answering end of a WebRTC connection: ICE, DTLS and who guards them. What flows is for its kinds to say."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.stats import RTCTransportStats

from avatar.config import TransportSettings
from avatar.errors import AvatarError, OfferError, TrickleError
from avatar.stream.codecs.encoders import preferred_video_codecs
from avatar.stream.connect_failure import ConnectFacts, ConnectFailure, why_not_connected
from avatar.stream.ice_restarts import IceRestarts
from avatar.stream.ice_servers import as_aiortc_takes_them, ice_servers
from avatar.stream.rtp.direct_reading import DirectReading
from avatar.stream.rtp.packet_guard import DropReason, PacketGuard
from avatar.stream.sdp.answer import complete_answer
from avatar.stream.sdp.offer import Offer
from avatar.stream.trickle import Fragment, write_fragment
from avatar.stream.tuning.aiortc_lifetime import close_connection, wait_briefly_for_servers
from avatar.stream.tuning.aiortc_tuning import ice_agents, keep_to_loopback, tolerate_early_close
from avatar.stream.tuning.candidate_gathering import announce_address, gather_in_ports
from avatar.stream.tuning.consent import keep_consent, said_goodbye
from avatar.stream.tuning.handshake_record import HandshakeRecord
from avatar.stream.tuning.peer_addresses import PeerAddresses
from avatar.stream.tuning.transport_tuning import (
    accept_checks_without_priority,
    accept_rsa_certificates,
    let_the_peer_begin_dtls,
    let_the_peer_check_first,
)

logger = logging.getLogger(__name__)

USERS_KEPT: Final = 16
"""ICE sessions that a peer has left, of which late pieces may come."""

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
        self._restarts = IceRestarts(self._connection, settings, self._prepare_another)
        self._left_users = deque[str](maxlen=USERS_KEPT)
        self._answer_sdp = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def trickle(self, fragment: Fragment) -> str | None:
        """Try these addresses of the peer too; where it restarts ICE, return the piece of SDP that answers it.

        Raises TrickleError: too many addresses, credentials that are none, a session that the peer has left
        (`stale_tag`), a restart that cannot be now (`busy`). Raises ServerFullError where no port is free for one. The
        call goes on as it did.
        """
        if self._addresses is None or self._closing is not None:
            return None
        if not fragment.users.isdisjoint(self._left_users):
            raise TrickleError("The piece is of an ICE session that was restarted since.", code="stale_tag")
        restart = None if fragment.users <= {self._addresses.user} else await self._restart(fragment)
        names = await self._addresses.add(fragment)
        if names and not self._settings.loopback_only:
            self._run(self._addresses.find_names(names))
        return restart

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
        self._addresses = PeerAddresses.of_offer(connection, offer)
        video = connection.addTransceiver("video", direction) if offer.has_video else None
        if video is not None:
            # Codec preferences count only if they are there before the offer is.
            video.setCodecPreferences(preferred_video_codecs())
        audio = connection.addTransceiver("audio", direction) if offer.has_audio else None
        connection.on("connectionstatechange", lambda: on_state(connection.connectionState))
        await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        let_the_peer_begin_dtls(connection)
        accept_rsa_certificates(connection)
        agents = ice_agents(connection)
        self._let_connect(agents)
        self._guard.watch(connection, self._reading)
        self._handshake.listen(connection)
        start(video, audio)
        self._choose_addresses(agents)
        if offer.local_names and not self._settings.loopback_only:
            self._run(self._addresses.find_names(offer.local_names))
        await connection.setLocalDescription(await connection.createAnswer())
        self._answer_sdp = complete_answer(connection.localDescription.sdp, offer.plan)
        return self._answer_sdp

    async def _restart(self, fragment: Fragment) -> str:
        user, password = fragment.new_credentials()
        agent = await self._restarts.begin(user, password)
        if self._addresses is not None:
            self._left_users.append(self._addresses.user)
        self._addresses = PeerAddresses.of_restart(agent, user)
        candidates = [candidate.to_sdp() for candidate in agent.local_candidates]
        return write_fragment(self._answer_sdp, agent.local_username, agent.local_password, candidates)

    def _prepare_another(self, agent: Any, dtls: Any) -> None:
        self._let_connect([agent])
        self._guard.watch_agent(agent, dtls, self._reading)
        self._choose_addresses([agent])

    def _let_connect(self, agents: Sequence[Any]) -> None:
        accept_checks_without_priority(agents)
        keep_consent(agents)
        let_the_peer_check_first(agents)

    def _choose_addresses(self, agents: Sequence[Any]) -> None:
        if self._settings.udp_ports is not None:
            gather_in_ports(agents, self._settings.udp_ports)
        if self._settings.public_address is not None:
            announce_address(agents, self._settings.public_address)
        wait_briefly_for_servers(agents)
        if self._settings.loopback_only:
            keep_to_loopback(agents)

    def _directions(self) -> list[tuple[str, str]]:
        """Return the kind of each section, and which way it goes, once the offer has been answered."""
        return [(section.kind, section.currentDirection or "") for section in self._connection.getTransceivers()]

    def _tracks(self) -> list[MediaStreamTrack]:
        """Return the tracks that end with the connection."""
        return []

    async def _packets_received(self) -> int:
        report = await self._connection.getStats()
        packets = sum(entry.packetsReceived for entry in report.values() if isinstance(entry, RTCTransportStats))
        return packets + self._restarts.begun

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._restarts.close()
        for track in self._tracks():
            track.stop()
        await close_connection(self._connection)
