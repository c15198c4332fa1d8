"""What `benchmarks.lines` makes of a call."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import line_figures
from benchmarks.lines import is_key


def test_the_longest_gap_is_found_though_it_reaches_beyond_the_stretch() -> None:
    times_s = [1.0, 1.03, 1.5, 1.53, 3.0]
    assert line_figures.longest_gap_s(times_s, 1.2, 1.52) == pytest.approx(0.47)
    assert line_figures.longest_gap_s(times_s, 1.51, 2.0) == pytest.approx(1.47)
    assert line_figures.longest_gap_s([], 1.0, 2.0) == math.inf


def test_latency_is_back_when_it_stays_back() -> None:
    def latency_s(at_s: float) -> float:
        return 0.3 if 10 <= at_s < 22 or 22.5 <= at_s < 23.5 else 0.05

    latencies = [(at_s, latency_s(at_s)) for at_s in np.arange(0, 30, 1 / 30).tolist()]
    assert line_figures.latency_back_s(latencies, 10, 20) == pytest.approx(3.2, abs=0.2)
    late = [(at_s, 0.3 if at_s >= 10 else 0.05) for at_s, _ in latencies]
    assert math.isnan(line_figures.latency_back_s(late, 10, 20))
    assert line_figures.latency_back_s([(at_s, 0.05) for at_s, _ in latencies], 10, 20) == 0.0


def test_bit_rates_are_sums_of_whole_seconds() -> None:
    rates = line_figures.rates_bps([(5.1, 100), (5.9, 100), (6.2, 50), (8.0, 9)], 5.0, 7.9)
    assert rates == [(6.0, 1600.0), (7.0, 400.0)]
    assert line_figures.bitrate_back_s([(1, 10.0), (6, 2.0), (8, 8.0)], 5, 5) == 3


def test_key_frames_are_known_by_their_slices() -> None:
    assert is_key("video/H264", b"\0\0\0\1\x67abc\0\0\0\1\x68d\0\0\1\x65picture")
    assert not is_key("video/H264", b"\0\0\0\1\x61picture")
    assert is_key("video/VP8", b"\x10picture") and not is_key("video/VP8", b"\x11picture")
