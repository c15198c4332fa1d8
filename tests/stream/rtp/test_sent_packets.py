"""A line that has become narrow is known by what is asked for again, before any report says so."""

from __future__ import annotations

import random

from avatar.stream.rtp.sent_packets import KEPT, SUSPECT_S, SentPackets


def narrow_found(lost: set[int], packets: int, bps: float) -> list[tuple[int, float]]:
    """Return (number, bits a second that came through) whenever lost packets say that the line is narrow."""
    sent, found = SentPackets[str](), []
    for number in range(packets):
        sent.add(number, "", 1200, number * 9600 / bps)
        if number in lost:
            sent.ask(number)
            carried_bps = sent.carried_bps(number)
            if carried_bps is not None:
                found.append((number, carried_bps))
    return found


def test_a_tenth_of_the_rate_is_noticed_within_a_few_pictures_and_measured() -> None:
    lost = {number for number in range(300, 400) if number % 10}
    number, carried_bps = narrow_found(lost, 400, 3_000_000)[0]
    assert number < 340, "40 packets are 0.13 s"
    later = narrow_found(lost, 400, 3_000_000)[-1][1]
    assert carried_bps < 1_500_000 and 200_000 < later < 500_000


def test_losses_by_chance_and_a_lost_picture_are_no_narrow_line() -> None:
    chance = random.Random(1)  # noqa: S311 - the same each time
    assert not narrow_found({number for number in range(3000) if chance.random() < 0.1}, 3000, 3_000_000)
    assert not narrow_found(set(range(300, 312)), 600, 3_000_000)


def test_what_had_left_before_the_queue_was_full_is_suspect_for_a_while() -> None:
    sent = SentPackets[str]()
    sent.add(1, "", 1200, 1.0)
    assert not sent.is_suspect(1, 1.1)
    sent.suspect(1.2)
    sent.add(2, "", 1200, 1.3)
    assert sent.is_suspect(1, 1.4) and not sent.is_suspect(2, 1.4) and not sent.is_suspect(3, 1.4)
    assert not sent.is_suspect(1, 1.2 + SUSPECT_S)


def test_packets_are_kept_for_a_while_and_forgotten_when_told() -> None:
    sent = SentPackets[int]()
    for number in range(65_000, 65_000 + 1000):
        sent.add(number & 0xFFFF, number, 1000, number / 300)
    assert sent.ask(65_000) is None and sent.ask((65_000 + 1000 - KEPT) & 0xFFFF) == 65_000 + 1000 - KEPT
    assert 2_300_000 < sent.bps(65_999 / 300) < 2_500_000
    assert sent.bps(70_000) == 0.0
    sent.forget()
    assert sent.ask(65_900 & 0xFFFF) is None
