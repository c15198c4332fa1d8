"""A lost packet is asked for until it has come or is too old."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from avatar.stream.rtp.retransmission import HISTORY, RetransmissionRequests


@dataclass
class Packet:
    sequence_number: int


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_gap_is_asked_for_at_once_and_again_every_40_ms_until_it_is_filled() -> None:
    clock = Clock()
    requests = RetransmissionRequests(repeat_s=0.04, clock=clock)
    assert not requests.add(Packet(10))
    assert requests.add(Packet(12))
    assert requests.missing == {11}
    clock.now_s = 0.03
    assert not requests.add(Packet(13))
    clock.now_s = 0.05
    assert requests.add(Packet(14))
    assert not requests.add(Packet(11))
    assert requests.missing == set()
    clock.now_s = 1.0
    assert not requests.add(Packet(15))


def test_gaps_are_found_across_the_wrap_of_the_sequence() -> None:
    requests = RetransmissionRequests()
    requests.add(Packet(65534))
    assert requests.add(Packet(1))
    assert requests.missing == {65535, 0}


def test_what_the_sender_no_longer_keeps_is_not_asked_for() -> None:
    requests = RetransmissionRequests()
    requests.add(Packet(0))
    requests.add(Packet(20_000))
    assert len(requests.missing) <= HISTORY
    requests.add(Packet(20_500))
    assert all((20_500 - sequence) <= HISTORY for sequence in requests.missing)


def test_with_one_packet_in_ten_lost_both_ways_every_packet_comes_in_the_end() -> None:
    """120 packets a second, 20 ms there and back, retransmissions lost like the rest."""
    clock, dice = Clock(), random.Random(7)  # noqa: S311
    requests = RetransmissionRequests(clock=clock)
    coming: list[tuple[float, int]] = []
    got: set[int] = set()
    for sequence in range(1200):
        clock.now_s = sequence / 120
        if sequence == 0 or dice.random() > 0.1:
            coming.append((clock.now_s, sequence))
        for item in sorted(coming):
            if item[0] <= clock.now_s:
                coming.remove(item)
                got.add(item[1])
                if requests.add(Packet(item[1])):
                    coming += [(clock.now_s + 0.02, lost) for lost in requests.missing if dice.random() > 0.19]
    assert set(range(1100)) <= got


def test_on_a_slow_line_a_packet_is_asked_for_about_twice_in_a_round_trip() -> None:
    """300 packets a second, a quarter of a second there and back, one in fifty lost: answers jam no line."""
    clock, requests, asked = Clock(), None, 0
    requests = RetransmissionRequests(clock=clock)
    coming: list[tuple[float, int]] = []
    lost = set(range(100, 3000, 50))
    for sequence in range(3000):
        clock.now_s = sequence / 300
        due = [number for at_s, number in coming if at_s <= clock.now_s]
        coming = [item for item in coming if item[0] > clock.now_s]
        for number in due + ([] if sequence in lost else [sequence]):
            if requests.add(Packet(number)):
                asked += len(requests.missing)
                coming += [(clock.now_s + 0.25, number) for number in requests.missing]
    assert requests.answer_s is not None and 0.2 < requests.answer_s < 0.3
    assert asked < 3 * len(lost)


@pytest.mark.parametrize(("lost", "soon"), [(0.01, False), (0.06, True)])
def test_where_many_packets_are_lost_a_request_is_sent_twice_at_once(lost: float, soon: bool) -> None:
    """A fifth of a second there and back; the first request may be lost like any packet."""
    clock, chance = Clock(), random.Random(2)  # noqa: S311 - the same each time
    requests = RetransmissionRequests(clock=clock)
    coming: list[tuple[float, int]] = []
    for sequence in range(2000):
        clock.now_s = sequence / 100
        due = [number for at_s, number in coming if at_s <= clock.now_s]
        coming = [item for item in coming if item[0] > clock.now_s]
        for number in due + ([] if chance.random() < lost else [sequence]):
            if requests.add(Packet(number)):
                coming += [(clock.now_s + 0.2, number) for number in requests.missing]
    clock.now_s = 30.0
    requests.add(Packet(2010))
    assert 2005 in requests.missing
    clock.now_s = 30.05
    assert requests.add(Packet(2011)) == soon
    clock.now_s = 30.1
    assert not requests.add(Packet(2012)), "twice, but not with each packet"


def test_gaps_are_told_as_they_are_noticed() -> None:
    gaps: list[int] = []
    requests = RetransmissionRequests(on_gap=gaps.append)
    for sequence in (65_530, 65_531, 65_534, 2, 3, 1):
        requests.add(Packet(sequence))
    assert gaps == [2, 3]
