"""A browser is told not to hold the avatar's pictures back, if it understands that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unpack_header_extensions

from avatar.config import TransportSettings
from avatar.stream.peer import Peer
from avatar.stream.rtp.playout_delay import URI, negotiate_playout_delay
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning.aiortc_tuning import private_name

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/rtp/playout_delay.py relies on it: "
OFFER = (Path(__file__).parents[1] / "offers" / "chromium.sdp").read_text(encoding="utf-8")
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LINE = f"a=extmap:5 {URI}\r\n"


class Listener:
    """Takes whatever a peer tells."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
async def connection() -> AsyncIterator[RTCPeerConnection]:
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver("video")
    yield made
    await made.close()


def offer_with(line: str) -> str:
    """Chromium's offer, whose video section has this line too."""
    video = OFFER.replace("\r\n", "\n").replace("\n", "\r\n")
    at = video.index("a=extmap:", video.index("m=video"))
    return video[:at] + line + video[at:]


async def answer_to(offer: str) -> str:
    pool = ThreadPoolExecutor(1)
    peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    try:
        return str(await peer.answer(read_offer(offer, limit_bytes=64_000), Listener(), Listener()))  # type: ignore[arg-type]
    finally:
        await peer.close()
        pool.shutdown()


async def test_the_answer_takes_the_extension_where_it_is_offered_and_only_there() -> None:
    answer = await answer_to(offer_with(LINE))
    assert answer.count(URI) == 1 and f"a=extmap:5 {URI}" in answer[answer.index("m=video") :]
    assert URI not in await answer_to(offer_with(""))


async def test_firefox_which_only_receives_it_is_answered_that_we_only_send_it() -> None:
    offer = (Path(__file__).parents[1] / "offers" / "firefox.sdp").read_text(encoding="utf-8")
    answer = await answer_to(offer)
    assert answer.count(URI) == 1 and f"a=extmap:6/sendonly {URI}" in answer[answer.index("m=video") :]
    assert f"a=extmap:3 {MID}" in answer, "what goes both ways stays as it is"
    assert "csrc-audio-level" not in answer, "nor is anything said of what we do not send"


async def test_pictures_wait_for_their_sound_only_where_it_is_played(connection: RTCPeerConnection) -> None:
    (transceiver,) = connection.getTransceivers()
    delay = negotiate_playout_delay(transceiver, offer_with(LINE))
    assert delay is not None
    assert getattr(transceiver.sender, private_name(transceiver.sender, "rtp_header_extensions_map")) is delay
    known = [RTCRtpHeaderExtensionParameters(id=9, uri=MID), RTCRtpHeaderExtensionParameters(id=5, uri=URI)]
    delay.configure(RTCRtpParameters(headerExtensions=known))
    packet = RtpPacket(payload_type=96, payload=b"picture")
    told: list[list[tuple[int, bytes]]] = []
    for at_once in (None, False, True, False):
        if at_once is not None:
            delay.show_at_once(at_once)
        for mid in ("0", None):
            packet.extensions.mid = mid
            profile, value = delay.set(packet.extensions)
            assert len(value) % 4 == 0
            told.append([(number, said) for number, said in unpack_header_extensions(profile, value) if number == 5])
            read = RtpPacket.parse(packet.serialize(delay), delay)
            assert (read.extensions.mid, read.payload) == (mid, b"picture")
    assert told[:4] == [[]] * 4, "until it is told, the receiver does as it likes"
    assert told[4:6] == [[(5, b"\0\0\0")]] * 2
    assert told[6:] == [[(5, b"\0\x0f\xff")]] * 2, "the longest that can be said: it has to be unsaid"


async def test_nothing_changes_for_whoever_does_not_offer_it(connection: RTCPeerConnection) -> None:
    (transceiver,) = connection.getTransceivers()
    name = private_name(transceiver.sender, "rtp_header_extensions_map")
    before = getattr(transceiver.sender, name)
    assert negotiate_playout_delay(transceiver, offer_with("")) is None
    assert getattr(transceiver.sender, name) is before and type(before) is HeaderExtensionsMap


async def test_the_private_parts_are_there(connection: RTCPeerConnection) -> None:
    (transceiver,) = connection.getTransceivers()
    assert isinstance(getattr(transceiver, private_name(transceiver, "headerExtensions")), list), (
        CHANGED + "a transceiver no longer keeps the header extensions it has agreed on"
    )
    assert hasattr(transceiver.sender, private_name(transceiver.sender, "rtp_header_extensions_map")), (
        CHANGED + "a sender no longer keeps the map by which it writes header extensions"
    )
