"""aiortc's senders tell us what comes for them, and packetise what our encoders made."""

from __future__ import annotations

import inspect

import av
import pytest
from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RtcpPsfbPacket, pack_remb_fci

from avatar.stream.tuning import sender_tuning as tuning
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.timing.rtp_clock import VIDEO_TIME_BASE

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/tuning/sender_tuning.py relies on it: "


async def test_every_private_part_is_where_it_was(connection: RTCPeerConnection) -> None:
    for name in ("encoder", "send_keyframe", "rtp_timestamp"):
        private_name(connection.getSenders()[0], name)


def test_the_sender_still_uses_the_parts_as_it_did() -> None:
    feedback = inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    for line in ("self._send_keyframe()", "self.__encoder.target_bitrate = bitrate"):
        assert line in feedback, CHANGED + f"RTCRtpSender._handle_rtcp_packet no longer has '{line}'"


async def test_estimates_and_key_frame_requests_reach_us(connection: RTCPeerConnection) -> None:
    sender = connection.getSenders()[0]
    estimates: list[int] = []
    requests: list[bool] = []
    tuning.tune_video_sender(
        sender, "h264", on_estimate=estimates.append, on_key_frame_request=lambda: requests.append(True)
    )
    fci = pack_remb_fci(800_000, [sender._ssrc])
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=fci))
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc))
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=4, ssrc=1, media_ssrc=sender._ssrc))
    assert estimates == [pytest.approx(800_000, rel=0.01)]
    assert requests == [True, True]


@pytest.mark.parametrize("packetiser", [H264Encoder, Vp8Encoder])
def test_packets_of_our_encoder_are_packetised_by_aiortc(packetiser: type) -> None:
    packet = av.Packet(b"\x00\x00\x00\x01\x65" + bytes(4000))
    packet.pts, packet.time_base = 4500, VIDEO_TIME_BASE
    payloads, timestamp = packetiser().pack(packet)
    assert timestamp == 4500
    assert len(payloads) >= 4
    assert max(map(len, payloads)) <= 1300
