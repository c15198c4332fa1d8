"""The costs of two commits are compared picture by picture."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from avatar.types import BLENDSHAPES, Motion
from benchmarks import versus
from benchmarks.base_checkout import ROOT
from benchmarks.caller import Received
from benchmarks.server_process import ServerProcess, command_module


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


def test_a_call_costs_its_server_by_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server:
        url, spent = "", iter((1.0, 1.9))

        def cpu_s(self) -> float:
            return next(self.spent)

        def rss_mb(self) -> float:
            return 600.0

    class Call:
        def __init__(self, *_: object) -> None:
            self.received = Received()

        async def join(self, query: str) -> None:
            assert "avatar=mira&width=512" in query
            asyncio.get_running_loop().call_later(0.01, self.received.pictures.extend, [(0, 0.0, versus.SIZE)] * 30)

        async def leave(self) -> None: ...

    monkeypatch.setattr(versus, "Caller", Call)
    monkeypatch.setattr(versus, "SETTLE_S", 0.0)
    held = asyncio.run(versus.hold_call(cast(ServerProcess, Server()), "mira", [], np.zeros(0), 0.2))
    assert held == versus.Held(cpu_ms=pytest.approx(30), memory_mb=600)


def test_a_checkout_of_any_age_has_a_command() -> None:
    assert command_module(ROOT) == "avatar.commands.main"
