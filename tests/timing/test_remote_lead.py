"""Ticks leave as early as their pictures take: no earlier, and soon early enough again when the way grows longer."""

from __future__ import annotations

import pytest

from avatar.timing.remote_lead import FIRST_S, KEPT, LEAST_S, LONGEST_S, SPARE_S, RemoteLead, observe_way


def after(*ways_s: float) -> float:
    lead = RemoteLead()
    for way_s in ways_s:
        lead = observe_way(lead, way_s)
    assert len(lead.ways_s) <= KEPT
    return lead.lead_s


def test_nothing_is_known_at_first() -> None:
    assert RemoteLead().lead_s == FIRST_S


def test_a_steady_way_is_followed() -> None:
    assert after(*[0.08] * 100) == pytest.approx(0.08 + SPARE_S)


def test_a_near_server_still_has_time_for_a_pause() -> None:
    assert after(*[0.005] * 100) == LEAST_S


def test_one_late_picture_in_ten_changes_nothing_and_every_fourth_does() -> None:
    assert after(*([0.08] * 9 + [0.3]) * 6) == pytest.approx(0.08 + SPARE_S)
    assert after(*([0.08] * 3 + [0.3]) * 15) == pytest.approx(0.3 + SPARE_S)


def test_a_longer_way_is_followed_within_half_a_second_and_forgotten_in_two() -> None:
    assert after(*[0.06] * 60, *[0.2] * 15) == pytest.approx(0.2 + SPARE_S)
    assert after(*[0.2] * 60, *[0.06] * KEPT) == pytest.approx(0.06 + SPARE_S)


@pytest.mark.parametrize("way_s", [-1.0, 0.0, 5.0, float("inf")])
def test_no_way_makes_a_lead_beyond_its_bounds(way_s: float) -> None:
    assert LEAST_S <= after(*[way_s] * 100) <= LONGEST_S
