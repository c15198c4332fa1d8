"""An offer that a call cannot answer is refused with a sentence that says why."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.errors import OfferError
from avatar.stream.sdp.offer import read_offer

pytestmark = pytest.mark.anyio

LIMIT = 64_000


async def offer_with(*kinds: str) -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in kinds:
        if kind == "data":
            connection.createDataChannel("avatar")
        else:
            connection.addTransceiver(kind)
    sdp = (await connection.createOffer()).sdp
    await connection.close()
    return sdp


async def test_a_browser_like_offer_is_understood() -> None:
    offer = read_offer(await offer_with("audio", "video", "data"), limit_bytes=LIMIT)
    assert offer.has_audio
    assert "m=application" in offer.sdp
    alone = read_offer(await offer_with("video"), limit_bytes=LIMIT)
    assert not alone.has_audio
    assert "m=application" not in alone.sdp


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (("data",), "no video and no sound"),
        (("video", "video"), "more than one video"),
        (("video", "audio", "audio"), "more than one audio"),
    ],
)
async def test_what_a_call_cannot_give_is_said(kinds: tuple[str, ...], why: str) -> None:
    with pytest.raises(OfferError, match=why):
        read_offer(await offer_with(*kinds), limit_bytes=LIMIT)


@pytest.mark.parametrize(
    "junk",
    ["", "hello", "v=0", "v=0\r\nm=", "v=0\r\nm=video x y z\r\n", "{}", "\x00\xff" * 50, "v=0\r\n" + "a=group:\r\n" * 9,
     "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96\r\n", "v=0\r\na=setup:nonsense\r\nm=video 9 UDP/TLS/RTP/SAVPF 96"],
)  # fmt: skip
def test_junk_is_refused_as_junk(junk: str) -> None:
    with pytest.raises(OfferError, match="not valid SDP"):
        read_offer(junk, limit_bytes=LIMIT)


def test_an_endless_offer_is_not_even_read() -> None:
    with pytest.raises(OfferError, match="longer than 1000 bytes"):
        read_offer("v=0\r\n" + "a=x\r\n" * 1000, limit_bytes=1000)


@pytest.mark.parametrize(
    ("line", "replacement", "why"),
    [
        ("a=ice-pwd", None, "ICE"),
        ("a=fingerprint", None, "DTLS"),
        ("a=setup", None, "DTLS"),
        ("a=rtcp-mux", None, "multiplex"),
        ("a=group:BUNDLE", "a=group:BUNDLE 0", "not bundled"),
        ("a=mid", "a=mid:0", "name of its own"),
        ("m=application", "m=text 9 UDP/TLS/RTP/SAVPF 98", "kind 'text'"),
        ("a=sendrecv", "a=inactive", "inactive"),
    ],
)
async def test_a_missing_or_wrong_line_is_named(line: str, replacement: str | None, why: str) -> None:
    lines = (await offer_with("video", "audio", "data")).split("\r\n")
    spoiled = [replacement if text.startswith(line) else text for text in lines]
    with pytest.raises(OfferError, match=why):
        read_offer("\r\n".join(text for text in spoiled if text is not None), limit_bytes=LIMIT)


async def test_a_list_of_strangers_addresses_is_refused() -> None:
    sdp = await offer_with("video")
    flood = "".join(f"a=candidate:{n} 1 udp 2130706431 192.0.2.1 {n} typ host\r\n" for n in range(1, 200))
    with pytest.raises(OfferError, match="network addresses"):
        read_offer(sdp + flood, limit_bytes=LIMIT)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_offer_is_refused_or_read_but_never_breaks_the_reader(data: st.DataObject) -> None:
    sdp = DAMAGED_BASE
    start = data.draw(st.integers(0, len(sdp)))
    end = data.draw(st.integers(start, min(len(sdp), start + 40)))
    damaged = sdp[:start] + data.draw(st.text(max_size=20)) + sdp[end:]
    try:
        read_offer(damaged, limit_bytes=LIMIT)
    except OfferError as error:
        assert str(error)


DAMAGED_BASE = "\r\n".join(
    [
        "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=msid-semantic:WMS *",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=sendrecv", "a=mid:0", "a=rtcp-mux",
        "a=rtpmap:96 H264/90000", "a=rtcp-fb:96 nack pli",
        "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=ssrc-group:FID 1 2", "a=ssrc:1 cname:x", "a=ssrc:2 cname:x",
        "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host", "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuv", "a=fingerprint:sha-256 AA:BB", "a=setup:actpass", "",
    ]
)  # fmt: skip
