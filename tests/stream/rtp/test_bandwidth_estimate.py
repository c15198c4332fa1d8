"""What a receiver asks its sender for, over lines of all kinds; simulated clocks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from aiortc.rate import RemoteBitrateEstimator

from avatar.stream.rtp.bandwidth_estimate import BandwidthEstimate


@dataclass
class Line:
    rate_bps: float | None = None
    delay_s: float = 0.01
    jitter_s: float = 0.0
    loss: float = 0.0
    queue_s: float = 0.3


def rates(receiver: Any, line_at: Any, *, seconds: int, most_bps: float = 2_500_000, need: float = 1.0) -> list[float]:
    """Return the sender's rate at the end of each second, which obeys at once and rises by a quarter a second.

    `line_at` returns the `Line` of a moment; `need` is what share of its rate the sender uses.
    """
    chance, target, told = random.Random(5), 1_500_000.0, []  # noqa: S311 - the same each time
    free_s = last_s = 0.0
    limit = most_bps
    missing = 0
    for picture in range(30 * seconds):
        line = line_at(picture / 30)
        target = min(target * 1.25 ** (1 / 30), limit, most_bps)
        size = max(int(need * target / 30 / 8), 100)
        count = -(-size // 1200)
        for number in range(count):
            sent_s = picture / 30 + number * 0.0002
            begin_s = max(free_s, sent_s)
            lost = chance.random() < line.loss
            if line.rate_bps is not None:
                lost = lost or begin_s - sent_s > line.queue_s
                free_s = begin_s if lost else begin_s + 8 * size / count / line.rate_bps
            if lost:
                missing += 1
                continue
            arrival_s = max(begin_s if line.rate_bps is None else free_s, sent_s) + line.delay_s
            last_s = max(last_s, arrival_s + line.jitter_s * chance.random())
            report = receiver.add(
                abs_send_time=int((sent_s + 60) * 2**18) & 0xFFFFFF,
                arrival_time_ms=round(1e3 * (last_s + 100)),
                payload_size=size // count,
                ssrc=1,
            )
            if missing and hasattr(receiver, "missing"):
                receiver.missing(missing)
            missing = 0
            if report is not None:
                assert report[1] == [1]
                limit = report[0]
        if picture % 30 == 29:
            told.append(target)
    return told


@pytest.mark.parametrize("line", [Line(), Line(delay_s=0.1), Line(jitter_s=0.03), Line(loss=0.05)])
def test_a_line_with_room_is_not_narrowed(line: Line) -> None:
    assert rates(BandwidthEstimate(), lambda _: line, seconds=20)[-1] == 2_500_000


def longer_way(at_s: float) -> Line:
    return Line(delay_s=0.01 if at_s < 8 else 0.11)


def test_a_way_that_becomes_longer_costs_no_bit_rate() -> None:
    ours = rates(BandwidthEstimate(), longer_way, seconds=12)
    assert min(ours[7:]) == 2_500_000
    theirs = rates(RemoteBitrateEstimator(), longer_way, seconds=12)
    assert min(theirs[8:]) < 2_000_000, "what aiortc's makes of it; if this fails, it has become better"


@pytest.mark.parametrize("queue_s", [0.05, 0.3, 1.0])
def test_a_line_that_becomes_narrow_is_obeyed_within_a_second_and_recovered_from(queue_s: float) -> None:
    def narrow(at_s: float) -> Line:
        return Line(300_000, queue_s=queue_s) if 8 <= at_s < 18 else Line(queue_s=queue_s)

    found = rates(BandwidthEstimate(), narrow, seconds=40)
    assert found[7] == 2_500_000
    assert found[8] < 600_000
    assert all(120_000 < rate < 400_000 for rate in found[10:18])
    assert found[-1] == 2_500_000


def test_a_sender_that_needs_little_is_not_held_down_by_it() -> None:
    needs = rates(BandwidthEstimate(), lambda _: Line(), seconds=10, need=0.2)
    assert needs[-1] >= 450_000, "what comes is a fifth of that"


def test_the_clock_of_the_sender_may_begin_anew() -> None:
    """It does every 64 s, here after the fourth; a leap there would look like a queue of a minute."""
    found = rates(BandwidthEstimate(), lambda _: Line(), seconds=12)
    assert found[-1] == 2_500_000
