"""Received packets become frames at once, in order, and a lost one does not stop the picture for long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from aiortc.jitterbuffer import JitterBuffer

from avatar.stream.rtp.jitter_buffer import AudioJitterBuffer, VideoJitterBuffer


@dataclass
class Packet:
    sequence_number: int
    timestamp: int
    marker: int = 0
    _data: bytes = b"x"


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def frames_of(buffer: VideoJitterBuffer | AudioJitterBuffer, packet: Packet) -> list[bytes]:
    """Everything one packet releases."""
    _, frame = buffer.add(packet)
    released = []
    while frame is not None:
        released.append(frame.data)
        frame = buffer.pop()
    return released


def test_a_picture_leaves_with_its_last_packet() -> None:
    buffer = VideoJitterBuffer()
    assert frames_of(buffer, Packet(1, 100, 0, b"a")) == []
    assert frames_of(buffer, Packet(2, 100, 1, b"b")) == [b"ab"]


def test_a_picture_without_marker_leaves_when_the_next_begins() -> None:
    buffer = VideoJitterBuffer()
    assert frames_of(buffer, Packet(1, 100, 0, b"a")) == []
    assert frames_of(buffer, Packet(2, 200, 0, b"b")) == [b"a"]


def test_packets_out_of_order_are_put_right_across_the_wrap_of_the_sequence() -> None:
    buffer = VideoJitterBuffer()
    assert frames_of(buffer, Packet(65534, 100, 1, b"a")) == [b"a"]
    assert frames_of(buffer, Packet(0, 200, 1, b"c")) == []
    assert frames_of(buffer, Packet(65535, 200, 0, b"b")) == [b"bc"]


def test_a_repaired_gap_releases_every_picture_that_waited_behind_it() -> None:
    buffer = VideoJitterBuffer()
    frames_of(buffer, Packet(1, 100, 1, b"a"))
    assert frames_of(buffer, Packet(3, 300, 1, b"c")) == []
    assert frames_of(buffer, Packet(4, 400, 1, b"d")) == []
    assert frames_of(buffer, Packet(2, 200, 1, b"b")) == [b"b", b"c", b"d"]


def test_a_gap_that_is_never_repaired_is_skipped_and_a_key_frame_asked_for() -> None:
    clock = Clock()
    buffer = VideoJitterBuffer(give_up_s=0.5, clock=clock)
    frames_of(buffer, Packet(1, 100, 1, b"a"))
    frames_of(buffer, Packet(3, 200, 1, b"torn"))
    clock.now_s = 0.4
    assert buffer.add(Packet(4, 300, 1, b"c")) == (False, None)
    clock.now_s = 0.6
    key_frame_needed, frame = buffer.add(Packet(5, 400, 1, b"d"))
    assert key_frame_needed
    assert frame is not None and frame.data == b"c", "the picture whose start is missing is not shown"
    assert (following := buffer.pop()) is not None and following.data == b"d"


def test_padding_is_not_taken_for_a_picture() -> None:
    buffer = VideoJitterBuffer()
    assert frames_of(buffer, Packet(1, 100, 1, b"a")) == [b"a"]
    assert frames_of(buffer, Packet(2, 100, 0, b"")) == []
    assert frames_of(buffer, Packet(3, 200, 1, b"b")) == [b"b"]


def test_late_copies_are_ignored_and_a_new_sequence_starts_over() -> None:
    buffer = VideoJitterBuffer()
    frames_of(buffer, Packet(1000, 100, 1, b"a"))
    assert buffer.add(Packet(999, 90, 1, b"late")) == (False, None)
    key_frame_needed, _ = buffer.add(Packet(20, 5000, 0, b"new"))
    assert key_frame_needed
    assert frames_of(buffer, Packet(21, 5000, 1, b"torn")) == []
    assert frames_of(buffer, Packet(22, 6000, 1, b"whole")) == [b"whole"]


def test_a_flood_of_gaps_keeps_the_buffer_bounded() -> None:
    buffer = VideoJitterBuffer(capacity=64)
    for index in range(5000):
        buffer.add(Packet((index * 2) & 0xFFFF, index, 0, b"x"))
        assert len(buffer._held) <= 64


def test_every_piece_of_sound_leaves_as_it_comes() -> None:
    buffer = AudioJitterBuffer()
    assert frames_of(buffer, Packet(1, 960, 0, b"a")) == [b"a"]
    assert frames_of(buffer, Packet(2, 1920, 0, b"b")) == [b"b"]


def test_swapped_sound_is_put_right_and_lost_sound_waited_for_but_shortly() -> None:
    buffer = AudioJitterBuffer(reorder=2)
    frames_of(buffer, Packet(1, 960, 0, b"a"))
    assert frames_of(buffer, Packet(3, 2880, 0, b"c")) == []
    assert frames_of(buffer, Packet(2, 1920, 0, b"b")) == [b"b", b"c"]
    assert frames_of(buffer, Packet(5, 4800, 0, b"e")) == []
    assert frames_of(buffer, Packet(6, 5760, 0, b"f")) == []
    assert frames_of(buffer, Packet(7, 6720, 0, b"g")) == [b"e", b"f", b"g"]
    assert frames_of(buffer, Packet(8, 7680, 0, b"h")) == [b"h"], "the delay does not stay"


def delays_ms(buffer: Any, mishap: str) -> list[float]:
    """Return how long each sound that came out was held, in a stream of 20 ms pieces with one mishap at the 30th."""
    order = list(range(100))
    if mishap == "loss":
        del order[30]
    elif mishap == "swap":
        order[30], order[31] = order[31], order[30]
    delays = []
    for slot, number in enumerate(order):
        now_ms = 20.0 * (slot + (mishap == "loss" and slot >= 30))
        packet = Packet(number, number * 960, 0, b"%d" % number)
        # aiortc's own buffer tells one frame a packet, ours further ones by `pop`.
        _, frame = buffer.add(packet)
        while frame is not None:
            delays.append(now_ms - 20.0 * int(frame.data))
            frame = buffer.pop() if hasattr(buffer, "pop") else None
    return delays


@pytest.mark.parametrize("mishap", ["none", "loss", "swap"])
def test_one_lost_or_swapped_packet_leaves_the_delay_where_it_was(mishap: str) -> None:
    delays = delays_ms(AudioJitterBuffer(), mishap)
    assert len(delays) == 100 - (mishap == "loss")
    assert delays[:29] == [0.0] * 29 and delays[-60:] == [0.0] * 60
    assert max(delays) <= 40


def test_aiortcs_own_buffer_still_keeps_the_delay_of_one_loss() -> None:
    """Fails when aiortc's has become as good: then ours is no longer needed for sound."""
    delays = delays_ms(JitterBuffer(capacity=16, prefetch=4), "loss")
    assert delays[20] == 80 and delays[-1] >= 240


def test_the_arrival_of_a_frame_is_that_of_its_last_packet() -> None:
    clock = Clock()
    buffer = VideoJitterBuffer(clock=clock)
    clock.now_s = 1.0
    buffer.add(Packet(1, 100, 0))
    clock.now_s = 2.0
    _, frame = buffer.add(Packet(2, 100, 1))
    assert frame is not None and frame.arrival_s == 2.0


def test_a_whole_key_frame_is_shown_at_once_whatever_is_missing_before_it() -> None:
    buffer = VideoJitterBuffer(begins_anew=lambda packet, data: data.startswith(b"K"))
    frames_of(buffer, Packet(1, 100, 1, b"a"))
    assert frames_of(buffer, Packet(3, 200, 1, b"torn")) == []
    assert frames_of(buffer, Packet(5, 300, 0, b"Ke")) == []
    assert frames_of(buffer, Packet(7, 300, 1, b"y")) == [], "a piece of it is missing"
    assert frames_of(buffer, Packet(6, 300, 0, b"e")) == [b"Keey"]
    assert frames_of(buffer, Packet(8, 400, 1, b"b")) == [b"b"]
    assert frames_of(buffer, Packet(2, 200, 0, b"late")) == []


def test_a_key_frame_is_asked_for_again_until_it_comes_but_not_with_each_packet() -> None:
    clock = Clock()
    buffer = VideoJitterBuffer(give_up_s=0.1, clock=clock)
    frames_of(buffer, Packet(0, 0, 1, b"a"))
    asked_s = []
    for number in range(2, 62):
        clock.now_s = number / 30
        if buffer.add(Packet(number, 100 * number, 1, b"x"))[0]:
            asked_s.append(round(clock.now_s, 2))
        if number == 45:
            buffer.key_frame_came()
    assert asked_s[0] == pytest.approx(0.17, abs=0.04)
    assert 4 <= len(asked_s) <= 5 and asked_s[-1] < 1.5


def test_no_key_frame_is_asked_for_while_one_comes() -> None:
    clock = Clock()
    buffer = VideoJitterBuffer(give_up_s=0.1, begins_anew=lambda packet, data: data.startswith(b"K"), clock=clock)
    frames_of(buffer, Packet(1, 100, 1, b"a"))
    frames_of(buffer, Packet(5, 200, 1, b"torn"))
    clock.now_s = 0.15
    assert buffer.add(Packet(8, 300, 0, b"Ke"))[0] is False, "its first packet is here"
    clock.now_s = 0.3
    assert buffer.add(Packet(9, 300, 0, b"y"))[0] is False
    clock.now_s = 0.5
    assert buffer.add(Packet(11, 400, 1, b"b"))[0], "its last packet does not come"


def test_where_answers_come_soon_a_gap_is_given_up_soon() -> None:
    clock = Clock()
    buffer = VideoJitterBuffer(answer_s=lambda: 0.02, clock=clock)
    frames_of(buffer, Packet(1, 100, 1, b"a"))
    frames_of(buffer, Packet(3, 200, 1, b"torn"))
    clock.now_s = 0.1
    assert not buffer.add(Packet(4, 300, 1, b"b"))[0]
    clock.now_s = 0.2
    assert buffer.add(Packet(5, 400, 1, b"c"))[0]
