"""Ordinary packets of pictures and sound are read as they come from the socket, in one go.

aiortc hands each packet through two queues, a task and a dozen coroutines, and makes objects of every part of its
header: three times the work of what is done with it here. What is not ordinary goes on to aiortc: the first packet of a
stream, by which its source becomes known, packets that were sent again, padding, contributing sources, RTCP. Both ways
use the same buffers and counters, and bound and check the same things. As in `aiortc_tuning`, private parts are touched
on one connection's own objects only; `tests/stream/rtp/test_direct_reading.py` says in plain words which one has gone
when aiortc changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

import pylibsrtp
from aiortc import RTCRtpReceiver
from aiortc.codecs import depayload, is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, pack_remb_fci

from avatar.stream.rtp.rtp_header import FIXED, RTCP_TYPES, PlainPacket, payload_offset, send_time
from avatar.stream.tuning.aiortc_tuning import private_name

NTP_EPOCH_S: Final = 2_208_988_800
"""From the beginning of NTP's time, which aiortc tells an estimator, to that of the clock."""

ReadNow: TypeAlias = Callable[[bytes], bool]
"""Reads a packet of a transport at once; returns False, and has done nothing, where aiortc has to."""


class DirectReading:
    """Reads the packets of one connection's receivers. Used on the event loop only."""

    def __init__(self) -> None:
        self._streams: dict[RTCRtpReceiver, _Receiving] = {}
        self._feedback: set[asyncio.Task[None]] = set()

    def add(self, receiver: RTCRtpReceiver) -> None:
        """Read a receiver's packets, too; call it after `tune_receiver`."""
        self._streams[receiver] = _Receiving(receiver, self._send_soon)

    def of_transport(self, dtls: Any) -> ReadNow:
        """Return what reads the packets of a DTLS transport, protected as they came."""
        router = getattr(dtls, private_name(dtls, "rtp_router"))
        receivers, of_type = router.ssrc_table, router.payload_type_table
        extensions = getattr(dtls, private_name(dtls, "rtp_header_extensions_map"))
        numbers = getattr(extensions, private_name(extensions, "ids"))
        keys = private_name(dtls, "rx_srtp")
        count, octets = private_name(dtls, "rx_packets"), private_name(dtls, "rx_bytes")

        def read_now(data: bytes) -> bool:
            offset = payload_offset(data)
            if offset is None:
                return False
            _, second, number, timestamp, ssrc = FIXED.unpack_from(data)
            kind = second & 0x7F
            receiver = receivers.get(ssrc)
            stream = self._streams.get(receiver)
            session = getattr(dtls, keys)
            if stream is None or session is None or kind in RTCP_TYPES or receiver not in of_type.get(kind, ()):
                return False
            codec = stream.codec(kind, ssrc)
            if codec is None:
                return False
            setattr(dtls, count, getattr(dtls, count) + 1)
            setattr(dtls, octets, getattr(dtls, octets) + len(data))
            try:
                plain = session.unprotect(data)
            except pylibsrtp.Error:  # nobody's, or one that has come before
                return True
            sent_at = send_time(plain, offset, numbers.abs_send_time) if stream.estimates else None
            stream.take(PlainPacket(kind, second >> 7, number, timestamp, ssrc, plain[offset:]), codec, sent_at)
            return True

        return read_now

    def _send_soon(self, feedback: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(feedback)
        self._feedback.add(task)
        task.add_done_callback(self._feedback.discard)


class _Receiving:
    """Does with a packet what `RTCRtpReceiver._handle_rtp_packet` does, but for what nobody asks it for."""

    def __init__(self, receiver: RTCRtpReceiver, send: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        def part(name: str) -> Any:
            return getattr(receiver, private_name(receiver, name))

        self._receiver, self._send = receiver, send
        self._codecs: dict[int, RTCRtpCodecParameters] = part("codecs")
        self._statistics = part("remote_streams")
        self._estimator, self._requests = part("remote_bitrate_estimator"), part("nack_generator")
        self._buffer, self._mapper, self._frames = (
            part("jitter_buffer"),
            part("timestamp_mapper"),
            part("decoder_queue"),
        )
        self._decoder_error = part("decoder_error")
        self._send_nack, self._send_pli, self._send_rtcp = (
            part("send_rtcp_nack"),
            part("send_rtcp_pli"),
            part("send_rtcp"),
        )
        self._decoder, self._own_ssrc = private_name(receiver, "decoder_thread"), private_name(receiver, "rtcp_ssrc")
        self._enabled = private_name(receiver, "enabled")
        self._is_video = part("kind") == "video"
        self.estimates = self._estimator is not None
        """Whether anybody wants to know when packets were sent."""

    def codec(self, payload_type: int, ssrc: int) -> RTCRtpCodecParameters | None:
        """Return what a packet carries; None where aiortc has to take it."""
        codec = self._codecs.get(payload_type)
        if codec is None or ssrc not in self._statistics or is_rtx(codec) or not getattr(self._receiver, self._enabled):
            return None
        return codec

    def take(self, packet: PlainPacket, codec: RTCRtpCodecParameters, sent_at: int | None) -> None:
        """Take a packet with its payload in `_data`; `sent_at` is its `abs-send-time`."""
        payload = packet._data
        if sent_at is not None:
            self._estimate(packet, sent_at, len(payload))
        self._statistics[packet.ssrc].add(packet)
        if self._requests is not None and self._requests.add(packet):
            self._send(self._send_nack(packet.ssrc, sorted(self._requests.missing)))
        if payload:
            try:
                packet._data = depayload(codec, payload)
            except ValueError:
                return
        key_frame_wanted, frame = self._buffer.add(packet)
        if self._decoder_error.is_set():
            self._decoder_error.clear()
            key_frame_wanted = key_frame_wanted or self._is_video
        if key_frame_wanted:
            self._send(self._send_pli(packet.ssrc))
        if frame is not None and getattr(self._receiver, self._decoder):
            frame.timestamp = self._mapper.map(frame.timestamp)
            self._frames.put((codec, frame))

    def _estimate(self, packet: PlainPacket, sent_at: int, size: int) -> None:
        estimate = self._estimator.add(
            abs_send_time=sent_at,
            arrival_time_ms=int(1e3 * (time.time() + NTP_EPOCH_S)),
            payload_size=size,
            ssrc=packet.ssrc,
        )
        own_ssrc = getattr(self._receiver, self._own_ssrc)
        if estimate is not None and own_ssrc is not None:
            told = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own_ssrc, media_ssrc=0, fci=pack_remb_fci(*estimate))
            self._send(self._send_rtcp(told))
