"""The first picture on a line that has become narrow tells what the line carries; a busy receiver tells nothing."""

from __future__ import annotations

import random

import pytest

from avatar.stream.rtp.packet_train import PacketTrain

PICTURE_MS = 1000 / 30


def told_bps(train: PacketTrain, begin_ms: float, arrivals_ms: list[float], size: int = 1200) -> list[float]:
    """Return what a picture's packets, that left within a millisecond, say of the line."""
    told = [train.add(size, begin_ms + 0.2 * index, at_ms) for index, at_ms in enumerate(arrivals_ms)]
    return [bps for bps in told if bps is not None]


def after_clean_second() -> tuple[PacketTrain, float]:
    train = PacketTrain()
    for picture in range(30):
        begin_ms = picture * PICTURE_MS
        assert not told_bps(train, begin_ms, [begin_ms + 20 + 0.3 * index for index in range(6)])
    return train, 30 * PICTURE_MS


def test_three_packets_on_a_narrow_line_measure_it() -> None:
    train, begin_ms = after_clean_second()
    (bps,) = told_bps(train, begin_ms, [begin_ms + 20 + 32 * index for index in range(3)])
    assert bps == pytest.approx(300_000, rel=0.02)


def test_a_stumble_of_the_receiver_or_the_line_is_no_narrow_line() -> None:
    train, begin_ms = after_clean_second()
    assert not told_bps(train, begin_ms, [begin_ms + 20, begin_ms + 90, begin_ms + 90.3, begin_ms + 90.6])
    begin_ms += PICTURE_MS
    assert not told_bps(train, begin_ms, [begin_ms + 20, begin_ms + 35, begin_ms + 90])
    begin_ms += PICTURE_MS
    assert not told_bps(train, begin_ms, [begin_ms + 20 + 32 * index for index in range(3)], size=200), "too small"
    begin_ms += PICTURE_MS
    assert not told_bps(train, begin_ms, [begin_ms + 20 + 90 * index for index in range(3)]), "a pause, not a line"


def test_a_receiver_that_is_always_late_measures_nothing() -> None:
    """Each packet of every picture is read up to 40 ms after the one before, by chance."""
    train, chance = PacketTrain(), random.Random(3)  # noqa: S311 - the same each time
    told, at_ms = [], 0.0
    for picture in range(600):
        begin_ms = picture * 10 * PICTURE_MS
        arrivals_ms = []
        at_ms = begin_ms
        for _ in range(4):
            at_ms += 40 * chance.random()
            arrivals_ms.append(at_ms)
        told += told_bps(train, begin_ms, arrivals_ms)
    assert not told
