"""One watcher's end of a stream: where it begins, and what becomes of it when it is too slow."""

from __future__ import annotations

from typing import Any

import av
import pytest
from aiortc.mediastreams import MediaStreamError

from avatar.stream.relay_track import RelayTrack

pytestmark = pytest.mark.anyio


def packet(number: int) -> av.Packet[Any]:
    made = av.Packet(bytes([number]))
    made.pts = number
    return made


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def track(asked: list[str]) -> RelayTrack:
    return RelayTrack("video", 3, ask_for_key=lambda: asked.append("key"))


async def taken(track: RelayTrack, count: int) -> list[int | None]:
    return [(await track.recv()).pts for _ in range(count)]


async def test_it_begins_with_a_picture_that_a_decoder_can_start_with(track: RelayTrack, asked: list[str]) -> None:
    track.offer(packet(1), starts=False)
    track.offer(packet(2), starts=True)
    track.offer(packet(3), starts=False)
    assert await taken(track, 2) == [2, 3] and not asked and track.dropped == 0


async def test_one_who_is_too_slow_goes_on_with_the_next_key_picture(track: RelayTrack, asked: list[str]) -> None:
    for number in range(1, 5):
        track.offer(packet(number), starts=number == 1)
    assert asked == ["key"] and track.dropped == 3
    track.offer(packet(5), starts=False)
    track.offer(packet(6), starts=True)
    assert await taken(track, 1) == [6]


async def test_a_key_picture_that_finds_no_room_takes_the_place_of_all_that_wait(track: RelayTrack) -> None:
    for number in range(1, 5):
        track.offer(packet(number), starts=number in (1, 4))
    assert await taken(track, 1) == [4]


async def test_its_end_is_told_and_nothing_is_taken_afterwards(track: RelayTrack) -> None:
    track.offer(packet(1), starts=True)
    track.stop()
    track.offer(packet(2), starts=True)
    with pytest.raises(MediaStreamError):
        await track.recv()
