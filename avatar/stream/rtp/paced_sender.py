"""Spreads the packets of the picture, and sends lost ones again no more often than the line bears.

A picture that leaves at once overflows a narrow line's queue; aiortc answers each request for a lost packet, however
often it comes and however many there are: on a line that carries a tenth of what it did, that keeps it jammed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from aiortc import RTCRtpSender

from avatar.stream.rtp.direct_sending import DirectSender, SentPacket
from avatar.stream.rtp.send_budget import ResendRule, SendBudget
from avatar.stream.rtp.sent_packets import SentPackets
from avatar.stream.tuning.aiortc_tuning import private_name

HEADER_BYTES: Final = 30
"""Of RTP with its extensions, and SRTP's tag."""


class PacedSender:
    """Keeps one sender of pictures within its bit rate: the `Pace` of its `DirectSender`."""

    def __init__(
        self,
        sender: RTCRtpSender,
        direct: DirectSender,
        *,
        rate_bps: Callable[[], float],
        round_trip_s: Callable[[], float | None],
        on_narrow: Callable[[float | None], None],
    ) -> None:
        """Prepare.

        Args:
            sender: of the picture.
            direct: what sends its packets.
            rate_bps: returns the bit rate wanted now.
            round_trip_s: returns the time there and back; None: not known.
            on_narrow: is told how many bits a second came through when most of the last packets were lost, and None
                when one was that had left before a sharp fall (`make_room`); none of those is sent again, so that the
                next picture has to be a key frame.
        """
        self._direct, self._rate_bps = direct, rate_bps
        self._round_trip_s, self._on_narrow = round_trip_s, on_narrow
        self._sent, self._budget, self._rule = SentPackets[SentPacket](), SendBudget(), ResendRule()
        self._under_way = self._given_up = False
        direct.pace = self
        setattr(sender, private_name(sender, "retransmit"), self._resend)

    def may_send(self, *, last: bool) -> bool:
        """Return whether the next packet is to be sent; not where the rest of its picture was given up."""
        given_up, self._given_up = self._given_up, self._given_up and not last
        self._under_way = not last
        return not given_up

    def sent(self, packet: SentPacket, size: int) -> float:
        """Note a packet that has left; return how many seconds the next one of its picture has to wait."""
        now_s = time.monotonic()
        self._sent.add(packet.number, packet, len(packet.payload) + HEADER_BYTES, now_s)
        return self._budget.spend(size, now_s, self._rate_bps())

    def wait_s(self) -> float:
        """Return how many seconds the next picture has to wait before it is encoded."""
        return self._budget.wait_s(time.monotonic())

    def make_room(self) -> bool:
        """Send nothing for a moment, since the line's queue is full; return whether a picture was broken off."""
        now_s = time.monotonic()
        self._budget.drain(now_s)
        self._sent.suspect(now_s)
        self._given_up = self._under_way
        return self._under_way

    def forget(self) -> None:
        """Send nothing again of what has left so far: a key frame follows."""
        self._sent.forget()

    def sent_bps(self) -> float:
        """Return how many bits a second were sent lately, without those that were sent again."""
        return self._sent.bps(time.monotonic())

    async def _resend(self, number: int) -> None:
        now_s = time.monotonic()
        packet = self._sent.ask(number)
        if packet is None:
            return
        carried_bps = self._sent.carried_bps(number)
        if carried_bps is not None or self._sent.is_suspect(number, now_s):
            self._sent.forget()
            self._on_narrow(carried_bps)
            return
        if not self._budget.may_resend(now_s) or not self._rule.allows(number, now_s, self._round_trip_s() or 0.0):
            return
        self._budget.spend(self._direct.send_again(packet), now_s, self._rate_bps())
