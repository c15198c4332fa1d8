"""The costs of two commits are compared picture by picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avatar.types import BLENDSHAPES, Motion
from benchmarks import versus
from benchmarks.same_pictures import ROOT


@pytest.mark.slow
def test_both_sides_draw_the_same_motions_and_answer_with_times(tmp_path: Path) -> None:
    still = Motion(0.0, np.zeros(len(BLENDSHAPES), np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32))
    versus.write_motions(tmp_path / "motions.npz", [still] * 2)
    with versus.both_sides(sys.executable, ROOT, tmp_path, None) as sides:
        for side in sides:
            side.ask(open="geometry", face="mira", size=(128, 128), engine="auto")
        times = versus.in_turn(sides, "geometry", pictures=versus.TURN)
        assert [len(at.cpu_ms) for at in times] == [versus.TURN] * 2 and min(times[0].clock_ms) > 0
        kept = [tmp_path / "base.npy", tmp_path / "now.npy"]
        for side, path in zip(sides, kept, strict=True):
            side.ask(run="geometry", count=1, keep=str(path), **{"from": 0})
        before, now = map(np.load, kept)
        assert now.shape == (1, 128, 128, 3) and (before == now).all()


def test_a_side_that_fails_is_named(tmp_path: Path) -> None:
    with (
        versus.both_sides(sys.executable, ROOT, tmp_path, None) as (base, _),
        pytest.raises(SystemExit, match="ended at"),
    ):
        base.ask(open="geometry", face="nobody", size=(128, 128), engine="auto")


def test_a_call_costs_the_servers_processor_by_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        Path(command[-1]).write_text(json.dumps({"server_cpu_cores": 0.9, "fps": 30.0}))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("subprocess.run", held)
    cost = versus.call_cpu_ms(sys.executable, tmp_path, tmp_path / "clip.mp4", 5, tmp_path)
    assert cost == pytest.approx(30)
