"""What a track has encoded goes out in one go: a header that is made once for each picture, and straight to the socket.

aiortc makes a dozen objects and awaits six coroutines for each packet, and asks a calendar three times. As in
`aiortc_tuning`, private parts are touched on one connection's own objects only;
`tests/stream/rtp/test_direct_sending.py` says in plain words which one has gone when aiortc changes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import av
from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import random_sequence_number
from aiortc.rtp import RTP_HISTORY_SIZE, HeaderExtensions, RtpPacket, wrap_rtx
from aiortc.utils import random32

from avatar.stream.rtp.rtp_header import EXTENSION, EXTENSION_BIT, FIXED, PLAIN, SEND_TIME_BYTES
from avatar.stream.tuning.aiortc_tuning import private_name

logger = logging.getLogger(__name__)

NTP_EPOCH_S: Final = 2_208_988_800
"""From the beginning of NTP's time to that of the clock."""
NO_TRACK_S: Final = 0.02
MARKER: Final = 0x80
"""Of the second byte of an RTP header: the picture's last packet."""
LATEST: Final = 0xFFFFFF
"""The largest `abs-send-time`."""

Pack: TypeAlias = Callable[["av.Packet[Any]"], tuple[list[bytes], int]]
"""Returns the payloads of the packets that what a track has encoded is sent in, and its time in ticks of the codec."""


@dataclass(slots=True)
class SentPacket:
    """A packet as it has been sent, but for what is made anew each time: its header."""

    number: int
    timestamp: int
    payload_type: int
    payload: bytes
    last: bool


class Pace(Protocol):
    """Says when the packets of a stream leave."""

    def may_send(self, *, last: bool) -> bool:
        """Return whether the next packet is to be sent at all; `last` is its picture's last."""

    def sent(self, packet: SentPacket, size: int) -> float:
        """Note a packet that has left in so many bytes; return how many seconds the next one of its picture waits."""


class DirectSender:
    """Sends one track's packets in place of the loop of its `RTCRtpSender`. Used on the event loop only."""

    def __init__(self, sender: RTCRtpSender, pack: Pack) -> None:
        """Prepare; call it before the connection is up."""
        self.pace: Pace | None = None
        """None: packets leave as they come."""
        self._sender, self._pack = sender, pack
        self._names = {
            part: private_name(sender, part)
            for part in (
                "track", "encoder", "mid", "rtp_started", "rtp_exited", "rtp_timestamp", "ntp_timestamp", "octet_count",
                "packet_count", "rtp_header_extensions_map", "rtx_payload_type", "rtx_sequence_number", "ssrc",
                "rtx_ssrc", "enabled",
            )
        }  # fmt: skip
        self._number, self._origin = random_sequence_number(), random32()
        self._sent: dict[int, SentPacket] = {}
        """The last packets by a part of their numbers, as aiortc keeps them."""
        self._extension: bytes = b""
        self._send_time_at: int | None = None
        self._way: _Way | None = None
        setattr(sender, private_name(sender, "run_rtp"), self._run)
        setattr(sender, private_name(sender, "retransmit"), self._retransmit)

    def send_again(self, packet: SentPacket) -> int:
        """Send a packet that was lost, by the stream for such packets where there is one; return how many bytes."""
        payload_type = self._part("rtx_payload_type")
        again = RtpPacket(packet.payload_type, int(packet.last), packet.number, packet.timestamp, self._part("ssrc"))
        again.payload = packet.payload
        # A receiver measures by this when packets left; it is told when this one does.
        again.extensions = HeaderExtensions(abs_send_time=send_time(time.time()), mid=self._part("mid"))
        if payload_type is not None:
            number = self._part("rtx_sequence_number")
            again = wrap_rtx(again, payload_type=payload_type, sequence_number=number, ssrc=self._part("rtx_ssrc"))
            self._set("rtx_sequence_number", (number + 1) & 0xFFFF)
        data = again.serialize(self._part("rtp_header_extensions_map"))
        self._to_peer().send(data)
        return len(data)

    async def _run(self, codec: RTCRtpCodecParameters) -> None:
        self._part("rtp_started").set()
        try:
            while True:
                track = self._part("track")
                if track is None:
                    await asyncio.sleep(NO_TRACK_S)
                    continue
                encoded = await track.recv()
                if self._part("enabled"):
                    payloads, ticks = self._pack(encoded)
                    await self._send(codec.payloadType or 0, (self._origin + ticks) & 0xFFFFFFFF, payloads)
        except (asyncio.CancelledError, ConnectionError, MediaStreamError):
            pass
        except Exception:  # whatever happens, aiortc waits for the end of this
            logger.exception("a stream cannot be sent any more")
        track = self._part("track")
        if track is not None:
            track.stop()
        self._set("track", None)
        self._set("encoder", None)
        self._part("rtp_exited").set()

    async def _send(self, payload_type: int, timestamp: int, payloads: list[bytes]) -> None:
        way, pace = self._to_peer(), self.pace
        header, send_time_at = self._header(payload_type, timestamp)
        count = octets = 0
        for index, payload in enumerate(payloads, 1):
            last = index == len(payloads)
            packet = SentPacket(self._number, timestamp, payload_type, payload, last)
            self._number = (self._number + 1) & 0xFFFF
            if pace is not None and not pace.may_send(last=last):
                continue
            header[1] = payload_type | (MARKER if last else 0)
            header[2:4] = packet.number.to_bytes(2, "big")
            if send_time_at is not None:
                now = send_time(time.time()).to_bytes(SEND_TIME_BYTES, "big")
                header[send_time_at : send_time_at + SEND_TIME_BYTES] = now
            data = bytes(header) + payload
            way.send(data)
            count, octets = count + 1, octets + len(payload)
            if pace is None:
                self._sent[packet.number % RTP_HISTORY_SIZE] = packet
                continue
            # Waiting comes after the packet, so that the next one is stamped when it leaves.
            wait_s = pace.sent(packet, len(data))
            if wait_s > 0 and not last:
                await asyncio.sleep(wait_s)
                way = self._to_peer()
        self._set("packet_count", self._part("packet_count") + count)
        self._set("octet_count", self._part("octet_count") + octets)
        self._set("ntp_timestamp", int((time.time() + NTP_EPOCH_S) * (1 << 32)))
        self._set("rtp_timestamp", timestamp)

    def _header(self, payload_type: int, timestamp: int) -> tuple[bytearray, int | None]:
        """Return the header of a picture's packets, and where in it the time stands at which each one leaves."""
        extensions = self._part("rtp_header_extensions_map")
        profile, value = extensions.set(HeaderExtensions(abs_send_time=0, mid=self._part("mid")))
        if value != self._extension:
            _, other = extensions.set(HeaderExtensions(abs_send_time=LATEST, mid=self._part("mid")))
            begin = FIXED.size + EXTENSION.size
            places = [begin + at for at, (one, another) in enumerate(zip(value, other, strict=True)) if one != another]
            self._extension, self._send_time_at = value, places[0] if places else None
        first = PLAIN | EXTENSION_BIT if value else PLAIN
        header = bytearray(FIXED.pack(first, payload_type, 0, timestamp, self._part("ssrc")))
        if value:
            header += EXTENSION.pack(profile, len(value) // 4) + value
        return header, self._send_time_at

    async def _retransmit(self, number: int) -> None:
        packet = self._sent.get(number % RTP_HISTORY_SIZE)
        if packet is not None and packet.number == number:
            self.send_again(packet)

    def _to_peer(self) -> _Way:
        """Return the way to the peer: bundling may have changed the transport, and an ICE restart the agent."""
        dtls = self._sender.transport
        if self._way is None or not self._way.leads_over(dtls):
            self._way = _Way(dtls)
        return self._way

    def _part(self, name: str) -> Any:
        return getattr(self._sender, self._names[name])

    def _set(self, name: str, value: object) -> None:
        setattr(self._sender, self._names[name], value)


class _Way:
    """From a DTLS transport to the socket."""

    def __init__(self, dtls: Any) -> None:
        self._dtls, self._connection = dtls, private_name(dtls.transport, "connection")
        self._agent = getattr(dtls.transport, self._connection)
        self._nominated = getattr(self._agent, private_name(self._agent, "nominated"))
        self._state, self._keys = private_name(dtls, "state"), private_name(dtls, "tx_srtp")
        self._count, self._octets = private_name(dtls, "tx_packets"), private_name(dtls, "tx_bytes")

    def leads_over(self, dtls: Any) -> bool:
        """Return whether this is the way that a DTLS transport has now."""
        return self._dtls is dtls and self._agent is getattr(dtls.transport, self._connection)

    def send(self, packet: bytes) -> None:
        """Send a packet of RTP. Raises ConnectionError while there is no connection."""
        dtls, pair = self._dtls, self._nominated.get(1)
        state = getattr(dtls, self._state)
        if state is not type(state).CONNECTED or pair is None:
            raise ConnectionError("there is no connection to send media over")
        protected = getattr(dtls, self._keys).protect(packet)
        pair.protocol.transport.sendto(protected, pair.remote_addr)
        setattr(dtls, self._count, getattr(dtls, self._count) + 1)
        setattr(dtls, self._octets, getattr(dtls, self._octets) + len(protected))


def send_time(now_s: float) -> int:
    """Return a moment (time.time()) as `abs-send-time`: 24 bits of 2^-18 s, that begin anew every 64 s."""
    return int((now_s + NTP_EPOCH_S) * (1 << 18)) & LATEST
