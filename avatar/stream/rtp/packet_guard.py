"""Who may reach DTLS and SRTP: packets of this call's own peer, of a size and kind that a call has.

What comes from an address that ICE has not checked is nobody's, and an error in one packet costs that packet, not the
call. The guard stands before aioice and aiortc, on one connection's own objects;
`tests/stream/rtp/test_packet_guard.py` says in plain words which private part has gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeAlias, get_args

from aiortc import RTCPeerConnection
from OpenSSL import SSL

from avatar.stream.rtp.direct_reading import DirectReading, ReadNow
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.transport_tuning import transports

logger = logging.getLogger(__name__)

DropReason: TypeAlias = Literal["stranger", "size", "kind", "unreadable", "overflow"]
"""Why a packet was dropped: it comes from an address that has proved nothing; no packet of a call has its size, or its
first byte; a layer could not read it; too many were waiting."""
DROP_REASONS: Final[tuple[DropReason, ...]] = get_args(DropReason)

STUN_BYTES: Final = 20
"""A STUN message is a header at least (RFC 8489, 5)."""
DTLS_BYTES: Final = 13
"""A DTLS record is a header at least (RFC 6347, 4.1)."""
RTP_BYTES: Final = 12
"""An RTP header (RFC 3550, 5.1); a protected RTCP packet is longer (RFC 3711, 3.4)."""
LONGEST_BYTES: Final = 1500
"""An Ethernet frame's load; what aiortc decrypts into holds no more."""
MOST_WAITING: Final = 512
"""Packets between socket and DTLS: two seconds of video at 3 Mbit/s."""
ADDRESSES_KEPT: Final = 32
"""Addresses of the peer that are remembered as its own."""

MOST_ADDRESSES: Final = 128
"""Addresses that are tried. Whoever has the password can send checks in other people's names, and each name is sent
checks of ours: a long list would make us flood strangers."""

_Address: TypeAlias = tuple[str, int]


def wrong_shape(packet: bytes) -> Literal["size", "kind"] | None:
    """Say what no packet of a call has, or None: told apart by the first byte as RFC 7983 does."""
    if not packet or len(packet) > LONGEST_BYTES:
        return "size"
    first = packet[0]
    if is_stun(packet):
        return "size" if len(packet) < STUN_BYTES else None
    if 20 <= first <= 63:
        return "size" if len(packet) < DTLS_BYTES else None
    if 128 <= first <= 191:
        return "size" if len(packet) < RTP_BYTES else None
    return "kind"


def is_stun(packet: bytes) -> bool:
    """Tell whether a packet that is not empty is for ICE."""
    return packet[0] <= 3


class PacketGuard:
    """Guards every transport of one connection and counts what it drops. Used on the event loop only."""

    def __init__(self) -> None:
        self.dropped: Counter[DropReason] = Counter()
        """Packets dropped so far."""
        self.checks = 0
        """Connectivity checks that have come with the right password."""
        self.ice_packets = 0
        """Checks, and answers to ours, from the peer's own addresses."""
        self._logged: set[str] = set()

    def watch(self, connection: RTCPeerConnection, reading: DirectReading | None = None) -> None:
        """Stand before a connection's transports; call it when they are all there, before addresses are gathered.

        What is let through is offered to `reading` first, which leaves the rest to aiortc.
        """
        for dtls in transports(connection):
            gatherer = dtls.transport.iceGatherer
            self.watch_agent(getattr(gatherer, private_name(gatherer, "connection")), dtls, reading)
            name = private_name(dtls, "recv_next")
            setattr(dtls, name, self._surviving(dtls, getattr(dtls, name)))

    def watch_agent(self, agent: Any, dtls: Any, reading: DirectReading | None = None) -> None:
        """Stand before an ICE agent that finds a way for a DTLS transport; call it before addresses are gathered."""
        _AgentGuard(agent, self, _nothing if reading is None else reading.of_transport(dtls))

    def drop(self, reason: DropReason, error: Exception | None = None) -> None:
        """Count a packet; the first of each kind of error is logged."""
        self.dropped[reason] += 1
        kind = type(error).__name__
        if error is not None and kind not in self._logged:
            self._logged.add(kind)
            # Without what it holds: that is a stranger's.
            logger.warning("a packet could not be read (%s in %s); it and others like it are dropped", kind, _at(error))

    def _surviving(self, dtls: Any, receive: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def receive_and_survive() -> None:
            try:
                await receive()
            except ConnectionError:
                raise
            except SSL.Error as error:
                if not dtls.encrypted:  # a handshake that has run out of time, which nothing can go on from
                    raise ConnectionError(f"the DTLS handshake has failed: {error}") from error
                await self._survive(error)
            except Exception as error:  # whatever a packet makes aiortc stumble over
                await self._survive(error)

        return receive_and_survive

    async def _survive(self, error: Exception) -> None:
        self.drop("unreadable", error)
        await asyncio.sleep(0)  # were it no packet's fault, the event loop must still get its turn


class _AgentGuard:
    """Stands before one ICE agent's sockets."""

    def __init__(self, agent: Any, guard: PacketGuard, read_now: ReadNow) -> None:
        self._agent, self._guard, self._read_now = agent, guard, read_now
        self._peer_addresses: OrderedDict[tuple[Any, _Address], None] = OrderedDict()
        self._pass_on: Callable[[bytes, int], None] = getattr(agent, private_name(agent, "data_received"))
        self._check: Callable[..., None] = getattr(agent, private_name(agent, "check_incoming"))
        self._gather: Callable[[], Awaitable[None]] = getattr(agent, private_name(agent, "gather_candidates"))
        self._queue: asyncio.Queue[Any] = getattr(agent, private_name(agent, "queue"))
        self._early_checks = getattr(agent, private_name(agent, "early_checks"))
        self._check_list = getattr(agent, private_name(agent, "check_list"))
        agent.data_received = self._data_received
        agent.check_incoming = self._check_incoming
        agent.gather_candidates = self._gather_candidates

    async def _gather_candidates(self) -> None:
        await self._gather()
        for protocol in getattr(self._agent, private_name(self._agent, "protocols")):
            protocol.datagram_received = self._guarded(protocol, protocol.datagram_received)

    def _check_incoming(self, message: Any, addr: _Address, protocol: Any) -> None:
        known = (protocol, addr) in self._peer_addresses
        if not known and len(self._agent.remote_candidates) >= MOST_ADDRESSES:
            self._guard.drop("overflow")
            return
        # aioice has checked the password by now.
        self._guard.checks += 1
        self._peer_addresses[protocol, addr] = None
        self._peer_addresses.move_to_end((protocol, addr))
        while len(self._peer_addresses) > ADDRESSES_KEPT:
            self._peer_addresses.popitem(last=False)
        self._check(message, addr, protocol)

    def _data_received(self, _data: bytes, _component: int) -> None:
        """What looked like STUN and is none, or came while addresses were being gathered: nobody's packet."""
        self._guard.drop("unreadable")

    def _guarded(
        self, protocol: Any, received: Callable[[bytes, tuple[Any, ...]], None]
    ) -> Callable[[bytes, tuple[Any, ...]], None]:
        def guarded(packet: bytes, addr: tuple[Any, ...]) -> None:
            wrong = wrong_shape(packet)
            if wrong is not None:
                self._guard.drop(wrong)
            elif is_stun(packet):
                self._guard.ice_packets += self._is_the_peers(protocol, (addr[0], addr[1]))
                try:
                    received(packet, addr)
                except Exception as error:  # whatever a stranger's message makes aioice stumble over
                    self._guard.drop("unreadable", error)
            elif not self._is_the_peers(protocol, (addr[0], addr[1])):  # IPv6 has four
                self._guard.drop("stranger")
            elif self._queue.qsize() >= MOST_WAITING:
                self._guard.drop("overflow")
            # Where aiortc has not read those before, it is not this one's turn.
            elif self._queue.qsize() or not self._read(packet):
                self._pass_on(packet, protocol.local_candidate.component)

        return guarded

    def _read(self, packet: bytes) -> bool:
        try:
            return self._read_now(packet)
        except Exception as error:  # whatever a packet makes the layers above stumble over
            self._guard.drop("unreadable", error)
            return True

    def _is_the_peers(self, protocol: Any, addr: _Address) -> bool:
        """Tell whether the peer has proved that this address is its own: by a check, or by answering one of ours.

        Media may come over any such pair, also before and after one is nominated (RFC 8445, 12.2).
        """
        if (protocol, addr) in self._peer_addresses:
            return True
        if any((by, where) == (protocol, addr) for _, where, by in self._early_checks):
            return True
        return any(
            pair.protocol is protocol and pair.remote_addr == addr and pair.state.name == "SUCCEEDED"
            for pair in self._check_list
        )


def _nothing(_packet: bytes) -> bool:
    return False


def _at(error: Exception) -> str:
    """Return the function an error comes from."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return "?" if frame is None else frame.tb_frame.f_code.co_qualname
