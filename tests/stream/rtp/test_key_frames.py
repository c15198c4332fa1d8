"""Whoever asks gets a key frame, but not one after the other."""

from __future__ import annotations

from avatar.stream.rtp.key_frames import LONGEST_BETWEEN_S, KeyFrameRule


def test_a_request_is_answered_at_once_and_a_storm_of_them_now_and_then() -> None:
    rule, sent_ms = KeyFrameRule(), []
    for at_ms in range(0, 3000, 33):
        rule.ask()
        if rule.is_due(at_ms / 1e3):
            sent_ms.append(at_ms)
            rule.sent(at_ms / 1e3, 4000, rate_bps=1_000_000)
    assert sent_ms[0] == 0 and 8 <= len(sent_ms) <= 10


def test_on_a_narrow_line_key_frames_are_further_apart_but_always_come() -> None:
    rule = KeyFrameRule()
    rule.sent(1.0, 6000, rate_bps=250_000)
    rule.ask()
    assert not rule.is_due(1.4) and rule.is_due(1.6)
    assert not rule.is_due(1.7), "asked for once"
    rule.sent(2.0, 10**9, rate_bps=50_000)
    rule.ask()
    assert rule.is_due(2.0 + LONGEST_BETWEEN_S)


def test_a_key_frame_that_came_by_itself_answers_those_who_asked() -> None:
    rule = KeyFrameRule()
    rule.ask()
    rule.sent(1.0, 4000, rate_bps=1_000_000)
    assert not rule.is_due(5.0)
