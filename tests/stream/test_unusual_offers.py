"""Unusual offers make calls where they are right: pictures or sound flow, though aiortc alone would not take them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import av
import pytest

from avatar.config import TransportSettings
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.video_track import SentPicture
from avatar.types import CaptureStamp, Picture

pytestmark = pytest.mark.anyio

STOPPED = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=inactive\r\na=mid:stopped\r\na=rtpmap:96 VP8/90000\r\n"
NAME = "0b5a2c4e-1111-4222-8333-444455556666.local"


@dataclass
class Mirror:
    """A listener that sends pictures and sound back."""

    peer: Peer | None = None
    camera: int = 0
    sounds: int = 0
    states: list[str] = field(default_factory=list)

    def on_state(self, state: str) -> None:
        self.states.append(state)

    def on_camera(self, frame: av.VideoFrame, capture: CaptureStamp, skipped: int) -> None:
        self.camera += 1
        assert self.peer is not None
        self.peer.show(Picture(capture.arrival_s, frame.to_ndarray(), capture))

    def on_microphone(self, frame: av.AudioFrame, arrival_s: float) -> None:
        self.sounds += 1
        assert self.peer is not None
        self.peer.send_audio(frame, arrival_s, 0.05)

    def on_picture_sent(self, sent: SentPicture) -> None: ...
    def on_audio_sent(self, frame: av.AudioFrame, delay_s: float) -> None: ...
    def on_channel_open(self) -> None: ...
    def on_message(self, message: str | bytes) -> None: ...
    def on_failure(self, reason: str) -> None: ...


@pytest.fixture
async def mirror() -> AsyncIterator[Mirror]:
    with ThreadPoolExecutor(2) as pool:
        made = Mirror()
        made.peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
        yield made
        await made.peer.close()


async def answer(mirror: Mirror, offer_sdp: str) -> str:
    assert mirror.peer is not None
    return await mirror.peer.answer(read_offer(offer_sdp, limit_bytes=64_000), mirror, mirror)


async def pictures_come_back(loopback: ModuleType, client: Any) -> None:
    await loopback.wait_for(lambda: len(client.pictures) >= 3)


async def test_only_names_that_nobody_resolves_and_an_end_of_candidates(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client()
    try:
        offer = await client.offer()
        assert "a=end-of-candidates" in offer
        await client.accept(await answer(mirror, offer.replace(" 127.0.0.1 ", f" {NAME} ")))
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


async def test_no_candidates_at_all(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client()
    try:
        offer = re.sub("a=candidate:[^\r]*\r\n", "", await client.offer())
        await client.accept(await answer(mirror, offer))
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


async def test_h264_as_rfc_6184_writes_it_and_nothing_beside_it(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client(codecs=("h264",))
    try:
        offer = (await client.offer()).replace("=1;packet", "=1; packet")
        assert "; packetization-mode" in offer
        await client.accept(await answer(mirror, offer))
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


async def test_one_section_without_bundle_and_name(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client(channel=False)
    try:
        offer = re.sub("a=(group:BUNDLE|mid:)[^\r]*\r\n", "", await client.offer())
        answered = await answer(mirror, offer)
        assert "a=mid" not in answered
        assert "a=group" not in answered
        # What the client has left out it is given back: this one cannot do without.
        await client.accept(answered.replace("a=msid:", "a=mid:0\r\na=msid:", 1))
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


@pytest.mark.parametrize("before", [True, False])
async def test_a_stopped_section_beside_the_camera(mirror: Mirror, loopback: ModuleType, before: bool) -> None:
    client = loopback.Client()
    try:
        offer = await client.offer()
        answered = await answer(mirror, offer.replace("m=video", f"{STOPPED}m=video", 1) if before else offer + STOPPED)
        turned_down = re.search("m=video 0 .*?a=mid:stopped\r\n", answered, re.DOTALL)
        assert turned_down is not None
        await client.accept(answered.replace(turned_down[0], ""))
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


async def test_a_bundle_that_names_what_is_not_there_first(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client()
    try:
        offer = (await client.offer()).replace("BUNDLE 0", "BUNDLE nobody 0")
        answered = await answer(mirror, offer)
        assert "nobody" not in answered
        await client.accept(answered)
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


async def test_a_bundle_whose_other_sections_leave_the_transport_to_the_first(
    mirror: Mirror, loopback: ModuleType
) -> None:
    client = loopback.Client(audio=loopback.ToneTrack())
    try:
        head, video, *others = re.split(r"(?=^m=)", await client.offer(), flags=re.MULTILINE)
        bare = [
            re.sub("a=(ice-|fingerprint|setup|candidate|rtcp-mux|end-of)[^\r]*\r\n", "", other) + "a=bundle-only\r\n"
            for other in others
        ]
        offer = head + video + "".join(re.sub("^(m=[a-z]+) [0-9]+", r"\1 0", other) for other in bare)
        await client.accept(await answer(mirror, offer))
        await pictures_come_back(loopback, client)
        await loopback.wait_for(lambda: len(client.sounds) >= 5)
    finally:
        await client.close()


async def test_the_leading_sections_credentials_count_for_the_whole_bundle(
    mirror: Mirror, loopback: ModuleType
) -> None:
    client = loopback.Client(audio=loopback.ToneTrack())
    try:
        head, video, audio, data = re.split(r"(?=^m=)", await client.offer(), flags=re.MULTILINE)
        # The microphone leads; the camera has credentials of a transport that the bundle makes unnecessary.
        video = re.sub("a=ice-(ufrag|pwd):[^\r]*", r"a=ice-\1:of0another0transport0of0ours", video)
        answered = await answer(mirror, re.sub("BUNDLE 0 1 2", "BUNDLE 1 0 2", head) + video + audio + data)
        assert "BUNDLE 1 0 2" in answered
        await client.accept(answered.replace("BUNDLE 1 0 2", "BUNDLE 0 1 2"))
        await pictures_come_back(loopback, client)
    finally:
        await client.close()


async def test_a_voice_alone_is_a_call(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client(video=None, audio=loopback.ToneTrack())
    try:
        await client.accept(await answer(mirror, await client.offer()))
        await loopback.wait_for(lambda: mirror.sounds >= 5 and len(client.sounds) >= 5)
        assert mirror.peer is not None
        assert (await mirror.peer.stats()).packets_received > 0
    finally:
        await client.close()


async def test_a_message_that_is_too_long_for_the_peer_is_left_out(mirror: Mirror, loopback: ModuleType) -> None:
    client = loopback.Client()
    received: list[str] = []
    client.channel.remove_all_listeners("message")
    client.channel.on("message", received.append)
    try:
        offer = re.sub("a=max-message-size:[0-9]+", "a=max-message-size:10", await client.offer())
        await client.accept(await answer(mirror, offer))
        peer = mirror.peer
        assert peer is not None
        await loopback.wait_for(lambda: peer.send("short"))
        assert not peer.send("a longer one than it takes")
        assert peer.send("again")
        await loopback.wait_for(lambda: received == ["short", "again"])
    finally:
        await client.close()


async def test_nobody_waits_for_a_name_to_be_found(loopback: ModuleType) -> None:
    client = loopback.Client()
    looked_for: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        peer = Peer(TransportSettings(), fps=30, encode_pool=pool)

        async def find(candidate: Any) -> None:
            looked_for.append(candidate.ip)
            await asyncio.Event().wait()

        peer._connection.addIceCandidate = find
        offer = (await client.offer()).replace(" 127.0.0.1 ", f" {NAME} ")
        assert "m=video" in await peer.answer(read_offer(offer, limit_bytes=64_000), Mirror(), Mirror())
        await loopback.wait_for(lambda: looked_for == [NAME])
        await peer.close()
        await client.close()
    assert not [task for task in asyncio.all_tasks() if "find" in repr(task.get_coro())]
