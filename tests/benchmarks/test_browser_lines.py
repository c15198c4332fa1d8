"""What is made of the pictures that a browser has shown over a disturbed line."""

from __future__ import annotations

import pytest

pytest.importorskip("selenium")

from benchmarks.browser_lines import figures, shown_s


def test_pictures_that_the_page_was_not_told_of_one_by_one_are_no_freeze() -> None:
    assert shown_s([(1.0, 10), (1.1, 11), (1.5, 15)]) == pytest.approx([1.1, 1.2, 1.3, 1.4, 1.5])


def test_a_freeze_is_told_with_the_part_of_the_call_that_it_lies_in() -> None:
    quiet = [(0.05 * number, number) for number in range(120)]
    frozen = [(at_s + (0.4 if at_s > 3.0 else 0.0), count) for at_s, count in quiet]
    told = [(0.1 * number, 0.2 if 20 <= number < 45 else 0.05) for number in range(60)]
    found = figures({"shown": frozen, "told": told, "video": {"totalFreezesDuration": 0.5}}, 2.0, 4.0)
    assert found["freeze_ms"] == pytest.approx(450) and found["freeze_after_ms"] == pytest.approx(50)
    assert found["latency_ms_before"] == pytest.approx(50) and found["latency_ms_median"] == pytest.approx(200)
    assert found["fps"] == pytest.approx(16, abs=1) and found["frozen_ms"] == pytest.approx(500)
