"""Spreads the packets of the picture, and sends lost ones again no more often than the line bears.

aiortc sends all packets of a picture at once, which overflows a narrow line's queue, and answers each request for a
lost packet, however often it comes and however many there are: on a line that carries a tenth of what it did, that
keeps it jammed. Touches aiortc's private parts on one connection's own objects, as `aiortc_tuning` does;
`tests/stream/test_paced_sender.py` says which one has gone when aiortc changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, cast

from aiortc import RTCDtlsTransport, RTCRtpSender, clock
from aiortc.rtp import RtpPacket, is_rtcp, wrap_rtx

from avatar.stream.aiortc_tuning import private_name
from avatar.stream.send_budget import ResendRule, SendBudget
from avatar.stream.sent_packets import SentPackets

MARKER: Final = 0x80
"""Of the second byte of an RTP header: the picture's last packet."""
HEADER_BYTES: Final = 30
"""Of RTP with its extensions, and SRTP's tag."""


class _History(dict[int, RtpPacket]):
    """In the place of aiortc's, which keeps 128 packets by a part of their numbers."""

    def __init__(self, sent: SentPackets[RtpPacket]) -> None:
        super().__init__()
        self._sent = sent

    def __setitem__(self, place: int, packet: RtpPacket) -> None:
        self._sent.add(packet.sequence_number, packet, len(packet.payload) + HEADER_BYTES, time.monotonic())


class _PacedTransport:
    """In the place of the sender's transport: has the sender wait before its next packet."""

    def __init__(self, transport: Any, budget: SendBudget, rate_bps: Callable[[], float], resent_ssrc: int) -> None:
        self._transport, self._budget, self._rate_bps = transport, budget, rate_bps
        self._resent_ssrc = resent_ssrc.to_bytes(4, "big")
        self._under_way = self._given_up = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def give_up_picture(self) -> bool:
        """Send no more packets of the picture that is being sent; return whether there is one."""
        self._given_up = self._under_way
        return self._under_way

    async def _send_rtp(self, data: bytes) -> None:
        if is_rtcp(data):
            await self._transport._send_rtp(data)
            return
        if data[8:12] == self._resent_ssrc:
            await self._transport._send_rtp(data)
            self._budget.spend(len(data), time.monotonic(), self._rate_bps())
            return
        last = bool(data[1] & MARKER)
        given_up, self._given_up = self._given_up, self._given_up and not last
        self._under_way = not last
        if given_up:
            return
        await self._transport._send_rtp(data)
        wait_s = self._budget.spend(len(data), time.monotonic(), self._rate_bps())
        # Waiting comes after the packet, so that the next one is stamped when it leaves.
        if wait_s > 0 and not last:
            await asyncio.sleep(wait_s)


class PacedSender:
    """Keeps one sender of pictures within its bit rate; call `attach` when the transport is known."""

    def __init__(
        self,
        sender: RTCRtpSender,
        *,
        rate_bps: Callable[[], float],
        round_trip_s: Callable[[], float | None],
        on_narrow: Callable[[float], None],
    ) -> None:
        """Prepare.

        Args:
            sender: of the picture.
            rate_bps: returns the bit rate wanted now.
            round_trip_s: returns the time there and back; None: not known.
            on_narrow: is told how many bits a second came through when most of the last packets were lost; none of
                those is sent again, so that the next picture has to be a key frame.
        """
        self._sender, self._rate_bps = sender, rate_bps
        self._round_trip_s, self._on_narrow = round_trip_s, on_narrow
        self._sent, self._budget, self._rule = SentPackets[RtpPacket](), SendBudget(), ResendRule()
        setattr(sender, private_name(sender, "rtp_history"), _History(self._sent))
        setattr(sender, private_name(sender, "retransmit"), self._resend)
        self._transport: _PacedTransport | None = None
        self._payload_type = private_name(sender, "rtx_payload_type")
        self._number = private_name(sender, "rtx_sequence_number")
        self._extensions = private_name(sender, "rtp_header_extensions_map")

    def attach(self) -> None:
        """Stand between the sender and its transport, once bundling has settled which one that is."""
        ssrc = getattr(self._sender, private_name(self._sender, "rtx_ssrc"))
        self._transport = _PacedTransport(self._sender.transport, self._budget, self._rate_bps, ssrc)
        self._sender.setTransport(cast(RTCDtlsTransport, self._transport))

    def wait_s(self) -> float:
        """Return how many seconds the next picture has to wait before it is encoded."""
        return self._budget.wait_s(time.monotonic())

    def make_room(self) -> bool:
        """Send nothing for a moment, since the line's queue is full; return whether a picture was broken off."""
        self._budget.drain(time.monotonic())
        return self._transport is not None and self._transport.give_up_picture()

    def forget(self) -> None:
        """Send nothing again of what has left so far: a key frame follows."""
        self._sent.forget()

    def sent_bps(self) -> float:
        """Return how many bits a second were sent lately, without those that were sent again."""
        return self._sent.bps(time.monotonic())

    async def _resend(self, number: int) -> None:
        sender, now_s = self._sender, time.monotonic()
        packet = self._sent.ask(number)
        if packet is None:
            return
        carried_bps = self._sent.carried_bps(number)
        if carried_bps is not None:
            self._sent.forget()
            self._on_narrow(carried_bps)
            return
        if not self._budget.may_resend(now_s) or not self._rule.allows(number, now_s, self._round_trip_s() or 0.0):
            return
        # A receiver measures by this when packets left; it is told when this one does.
        packet.extensions.abs_send_time = (clock.current_ntp_time() >> 14) & 0x00FFFFFF
        payload_type = getattr(sender, self._payload_type)
        if payload_type is not None:
            resent = getattr(sender, self._number)
            packet = wrap_rtx(packet, payload_type=payload_type, sequence_number=resent, ssrc=sender._rtx_ssrc)
            setattr(sender, self._number, (resent + 1) & 0xFFFF)
        await sender.transport._send_rtp(packet.serialize(getattr(sender, self._extensions)))
