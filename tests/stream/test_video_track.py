"""The newest picture leaves, encoded in the pool, when there is room for it on the line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from avatar.errors import FrameError
from avatar.stream.codecs.video_encoder import EncodedPicture
from avatar.stream.video_track import FAILURES_TOLERATED, AvatarVideoTrack, SentPicture
from avatar.types import U8, Picture

pytestmark = pytest.mark.anyio


class Encoder:
    """Encodes a picture as its time; can be held up."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.encoded: list[tuple[int, bool, str]] = []
        self.broken: Exception | None = None

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        self.may_go_on.wait()
        if self.broken is not None:
            raise self.broken
        self.encoded.append((pts, key, threading.current_thread().name))
        return EncodedPicture(b"%d" % int(i420[0, 0]), key)


class Shown:
    def __init__(self) -> None:
        self.encoder, self.sent = Encoder(), list[SentPicture]()
        self.wait_s = 0.0
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self.track = AvatarVideoTrack(
            self.encoder,
            pool=self.pool,
            target_bps=lambda: 1_000_000,
            last_rtp_time=lambda: 0,
            on_sent=self.sent.append,
            wait_s=lambda: self.wait_s,
        )

    def show(self, number: int) -> None:
        self.track.show(Picture(number / 30, np.full((24, 16), number, np.uint8), None))


@pytest.fixture
async def shown() -> AsyncIterator[Shown]:
    made = Shown()
    yield made
    made.encoder.may_go_on.set()
    made.track.stop()
    made.pool.shutdown()


async def test_a_picture_that_is_waited_for_is_encoded_in_the_pool_at_once(shown: Shown) -> None:
    waiting = asyncio.create_task(shown.track.recv())
    await asyncio.sleep(0)
    threading.Thread(target=shown.show, args=(3,)).start()
    packet = await waiting
    assert bytes(packet) == b"3"
    assert [name for *_, name in shown.encoder.encoded] == ["encode_0"]
    assert [sent.picture.time_s for sent in shown.sent] == [3 / 30]


async def test_while_one_is_encoded_only_the_newest_of_the_others_waits(shown: Shown, loopback: ModuleType) -> None:
    shown.encoder.may_go_on.clear()
    waiting = asyncio.create_task(shown.track.recv())
    await asyncio.sleep(0)
    for number in (1, 2, 3, 4):
        shown.show(number)
    shown.encoder.may_go_on.set()
    assert bytes(await waiting) == b"1"
    assert bytes(await shown.track.recv()) == b"4"
    assert shown.track.dropped == 2
    assert [pts for pts, *_ in shown.encoder.encoded] == [0, 9000]


async def test_none_is_encoded_before_the_line_has_room_and_then_the_newest(shown: Shown) -> None:
    waiting = asyncio.create_task(shown.track.recv())
    await asyncio.sleep(0)
    shown.wait_s = 0.05  # the line has become full while a picture was waited for
    shown.show(1)
    await asyncio.sleep(0.01)
    assert not shown.encoder.encoded
    shown.show(2)
    shown.wait_s = 0.0
    assert bytes(await waiting) == b"2"


async def test_a_key_frame_that_failed_is_asked_for_again(shown: Shown, loopback: ModuleType) -> None:
    shown.track.request_key_frame()
    shown.encoder.broken = FrameError("a stand-in")
    waiting = asyncio.create_task(shown.track.recv())
    await asyncio.sleep(0)
    shown.show(1)
    await loopback.wait_for(lambda: shown.track.dropped == 1)
    shown.encoder.broken = None
    shown.show(2)
    assert bytes(await waiting) == b"2"
    assert [key for _, key, _ in shown.encoder.encoded] == [True]


async def test_a_track_ends_and_says_why_when_nothing_can_be_encoded_any_more(
    shown: Shown, loopback: ModuleType
) -> None:
    shown.encoder.broken = FrameError("a stand-in")
    waiting = asyncio.create_task(shown.track.recv())
    for number in range(FAILURES_TOLERATED):
        shown.show(number)
        await loopback.wait_for(lambda number=number: shown.track.dropped > number or waiting.done())
    with pytest.raises(MediaStreamError):
        await waiting
    assert shown.track.failure is not None and "a stand-in" in shown.track.failure


async def test_who_waits_hears_of_the_end(shown: Shown) -> None:
    waiting = asyncio.create_task(shown.track.recv())
    await asyncio.sleep(0)
    shown.track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    shown.show(1)
    await asyncio.sleep(0.01)
    assert not shown.sent
