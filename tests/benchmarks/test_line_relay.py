"""The relay of `benchmarks.lines`: what its lines do to packets, and that it does nothing else to them."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

import pytest

from benchmarks.line_relay import ADDRESS, Line, LineRelay, Way

ANSWER = "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\na=end-of-candidates\r\n"


def way(line: Line) -> Way:
    return Way(line, random.Random(3))  # noqa: S311 - the same losses each time


def test_a_narrow_line_sends_one_packet_after_the_other_and_keeps_a_short_queue() -> None:
    narrow = way(Line(rate_bps=300_000, queue_s=0.3))
    arrivals = [narrow.arrival_s(1500, 1.0) for _ in range(20)]
    kept = [at_s for at_s in arrivals if at_s is not None]
    assert kept[0] == pytest.approx(1.04)
    assert len(kept) == 7 and narrow.overflowed == 13, "seven take 0.28 s"
    assert narrow.arrival_s(100, 1.0) is not None, "for a small one there is room"
    assert narrow.arrival_s(1500, 1.2) is not None, "and again for a large one"


def test_a_line_that_becomes_quick_again_lets_no_packet_overtake() -> None:
    line = way(Line(delay_s=0.1))
    first = line.arrival_s(100, 1.0)
    line.line = Line()
    assert first == pytest.approx(1.1) and line.arrival_s(100, 1.01) == first


def test_the_share_that_is_lost_is_the_same_each_time() -> None:
    fates = [[one.arrival_s(100, 1.0) for _ in range(2000)] for one in (way(Line(loss=0.05)), way(Line(loss=0.05)))]
    assert fates[0] == fates[1]
    assert 0.03 < fates[0].count(None) / 2000 < 0.07


def test_packets_pass_it_whole_in_order_both_ways() -> None:
    """As many as 20 Mbit/s are in a second, each way; so few at a time that a slow machine loses none either."""
    count, at_once = 2080, 40
    with LineRelay() as relay, ExitStack() as stack:
        caller, other = (stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(2))
        for link in (caller, other):
            link.bind((ADDRESS, 0))
            link.settimeout(30)
        relay.route_answer(ANSWER.format(port=other.getsockname()[1]))
        caller.sendto(b"hello", (ADDRESS, relay.port))
        _, way_back = other.recvfrom(2048)
        for begin in range(0, count, at_once):
            numbers = range(begin, begin + at_once)
            for number in numbers:
                packet = number.to_bytes(4, "big") + bytes(1196)
                caller.sendto(packet, (ADDRESS, relay.port))
                other.sendto(packet, way_back)
            for link in (caller, other):
                assert [int.from_bytes(link.recv(2048)[:4], "big") for _ in numbers] == list(numbers)
        counts = relay.counts()
    assert {name: way["passed"] for name, way in counts.items()} == {"up": count + 1, "down": count}


def test_orders_that_come_together_are_all_obeyed() -> None:
    with LineRelay() as relay:
        for _ in range(50):
            relay.change(down=Line(loss=0.1))
            assert relay.counts()["down"] == {"passed": 0, "lost": 0, "overflowed": 0}
