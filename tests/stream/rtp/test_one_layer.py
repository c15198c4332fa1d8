"""Of a camera that is sent in several sizes at once, one is taken, and the answer says so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiortc.rtp import HeaderExtensions, RtpPacket

from avatar.config import TransportSettings
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.sdp.simulcast import RID_EXTENSION, Layer, offered_layer
from avatar.stream.sdp.text import Section, parse_sdp
from tests.stream.test_offers import Silence, client

pytestmark = pytest.mark.anyio

SIMULCAST = client("obs-simulcast")
VIDEO = 96


def video_of(sdp: str) -> Section:
    return next(section for section in parse_sdp(sdp).sections if section.kind == "video")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    with ThreadPoolExecutor(1) as pool:
        made = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
        yield made
        await made.close()


async def answer(peer: Peer, offer: str) -> Section:
    return video_of(await peer.answer(read_offer(offer, limit_bytes=64_000), Silence(), Silence()))


async def test_the_answer_takes_the_first_layer_and_says_so(peer: Peer) -> None:
    video = await answer(peer, SIMULCAST)
    assert video.values("rid") == ("0 recv",)
    assert video.values("simulcast") == ("recv 0",)
    assert f"2 {RID_EXTENSION}" in video.values("extmap"), "packets are to say which one they belong to"


async def test_an_ordinary_camera_is_answered_without_a_word_of_layers(peer: Peer) -> None:
    video = await answer(peer, client("obs"))
    assert not video.values("rid") and not video.values("simulcast")


@pytest.mark.parametrize(
    ("lines", "layer"),
    [
        (("a=simulcast:send hi;mid;lo", f"a=extmap:4 {RID_EXTENSION}"), Layer("hi", 4)),
        (("a=simulcast:send ~hi;mid,lo",), Layer("mid")),
        (("a=simulcast:recv a;b send hi;lo",), Layer("hi")),
        (("a=simulcast:recv a;b",), None),
        (("a=simulcast:send ~hi",), None),
        (("a=simulcast:send ???",), None),
        (("a=ssrc-group:SIM 1 2 3",), Layer()),
        (("a=ssrc-group:FID 1 2",), None),
    ],
)
def test_the_layer_taken_is_the_first_that_is_not_paused(lines: tuple[str, ...], layer: Layer | None) -> None:
    assert offered_layer(Section(lines, "video", 9, "UDP/TLS/RTP/SAVPF", ("96",))) == layer


def router_of(peer: Peer) -> Any:
    """The router of the transport that all sections share."""
    transceiver = next(one for one in peer._connection.getTransceivers() if one.kind == "video")
    return transceiver.receiver.transport._rtp_router


def arrives(router: Any, ssrc: int, name: str | None) -> bool:
    """Whether a packet of the camera is handed on."""
    packet = RtpPacket(payload_type=VIDEO, ssrc=ssrc)
    packet.extensions = HeaderExtensions(rtp_stream_id=name)
    return router.route_rtp(packet) is not None


async def receiving(peer: Peer, offer: str) -> Any:
    """The router, as it is once the connection is made."""
    await answer(peer, offer)
    router = router_of(peer)
    transceiver = next(one for one in peer._connection.getTransceivers() if one.kind == "video")
    await transceiver.receiver.receive(peer._connection._RTCPeerConnection__remoteRtp(transceiver))
    return router


async def test_packets_of_the_other_layers_are_left_out(peer: Peer) -> None:
    router = await receiving(peer, SIMULCAST)
    first = [arrives(router, 10 + layer, str(layer)) for layer in (2, 1, 0, 1, 2, 0)]
    assert first == [False, False, True, False, False, True]
    assert arrives(router, 10, None), "its name is told at the beginning only"
    assert not arrives(router, 12, None)


async def test_where_packets_do_not_tell_the_first_that_comes_is_taken(peer: Peer) -> None:
    offer = re.sub(f"a=extmap:2 {RID_EXTENSION}\r\n", "", SIMULCAST)
    router = await receiving(peer, offer)
    assert [arrives(router, ssrc, None) for ssrc in (10, 11, 12, 10)] == [True, False, False, True]


async def test_one_that_comes_nameless_first_gives_way_to_the_one_that_was_wanted(peer: Peer) -> None:
    router = await receiving(peer, SIMULCAST)
    assert arrives(router, 11, None)
    assert arrives(router, 10, "0")
    assert not arrives(router, 11, "1")
