"""What is made of the page's cost."""

from __future__ import annotations

import pytest

pytest.importorskip("selenium")

from benchmarks.page import SETTINGS, Sample, figures


def test_each_setting_is_told_by_its_median_round() -> None:
    rounds = {
        name: [
            Sample(2.0, 60, shown, (17.0, gap), name == "full", cpu, cpu / 4, (90.0, gap))
            for shown, gap, cpu in stretches
        ]
        for name, stretches in {
            "full": ((30, 67.0, 1.0), (40, 67.0, 1.2), (20, 67.0, 3.0)),
            "plain": ((60, 17.0, 0.6), (60, 17.0, 0.6), (58, 17.0, 0.9)),
            "auto": ((60, 17.0, 0.6),),
            "unseen": ((0, 17.0, 0.3),),
        }.items()
    }
    assert rounds.keys() == SETTINGS.keys()
    found = figures(rounds, Sample(2.0, 0, 0, (), False, 0.2, 0.1, ()))
    assert found["cores_lobby"] == pytest.approx(0.1)
    assert (found["fps_full"], found["fps_plain"]) == (15.0, 30.0)
    assert found["picture_ms_full"] == pytest.approx(20.0)
    assert found["drawing_ms_full"] == pytest.approx(5.0)
    assert found["drawing_ms_plain_to_full"] == found["picture_ms_plain_to_full"]
    assert found["picture_ms_plain_to_full"] == pytest.approx(0.5)
    assert found["effects_auto"] == 0.0
    assert (found["fps"], found["camera_to_screen_ms_median"]) == (30.0, pytest.approx(53.5)), "as the page chooses"
    assert "fps_unseen" not in found
