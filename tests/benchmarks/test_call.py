"""What a long call says about its sound and its picture."""

from __future__ import annotations

import pytest

from benchmarks.call import bars, drift_ms


@pytest.mark.parametrize(("minutes", "expected"), [(10.0, 9.0), (1.0, 2.0 / 3.0)])
def test_drift_is_the_last_minute_less_the_first(minutes: float, expected: float) -> None:
    """One millisecond a minute; where there are not three minutes, thirds are compared."""
    offsets = [(5.0 + at, 12.0 + at / 60) for at in (second * 0.5 for second in range(round(120 * minutes)))]
    assert drift_ms(offsets) == pytest.approx(expected, abs=0.02)


def test_without_sound_there_is_no_drift_to_tell() -> None:
    assert drift_ms([]) != drift_ms([])


def test_with_the_voice_pictures_may_wait_for_what_it_hears_ahead() -> None:
    assert bars("camera")["added_latency_ms_median"] == "<= 45"
    assert bars("both")["added_latency_ms_median"] == "<= 165"
