"""How many calls a network holds follows from what its batches take."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import FPS, ROW_S, Row, calls_held, musetalk, rows_of
from benchmarks.seeded_musetalk import PUBLISHED, TINY


class Doubling:
    """A network without a gain from batches, on a CPU: a picture takes so many seconds."""

    largest = 8

    def __init__(self, picture_s: float) -> None:
        self._picture_s = picture_s

    def measure(self, batch: int, seconds: float) -> Row:
        assert seconds == 0
        return Row(batch, 1e3 * batch * self._picture_s, 0.0, 0.0)


def test_where_batches_save_nothing_it_holds_what_it_draws_one_by_one() -> None:
    assert calls_held({1: 8.0, 2: 16.0, 4: 32.0}) == int(1000 / 8 / FPS)


def test_where_batches_cost_little_more_than_one_it_holds_many_more() -> None:
    assert calls_held({1: 8.0, 2: 8.5, 4: 9.0, 8: 10.0}) > 20


def test_what_takes_longer_than_a_picture_lasts_holds_none() -> None:
    assert calls_held({1: 50.0, 2: 90.0}) == 0


@pytest.mark.parametrize(("picture_s", "sizes"), [(1.0, [1, 2, 4]), (0.4 * ROW_S, [1, 2]), (ROW_S, [1])])
def test_on_a_cpu_what_would_take_more_than_a_minute_is_left_out(picture_s: float, sizes: list[int]) -> None:
    network: Any = Doubling(picture_s)
    found = rows_of(network, (1, 2, 4), time.monotonic() + 1000, None)
    assert [row.batch for row in found] == sizes


@pytest.mark.slow
def test_a_picture_of_musetalk_is_heard_for_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("diffusers", reason="MuseTalk's networks need the extra `musetalk`")
    for _ in range(2):  # the second time the weights are found
        with musetalk("cpu", tmp_path, TINY) as batched:
            row = batched.measure(2, 0.0)
    assert row.batch == 2 and row.median_ms > 0 and row.memory_mb > 0 and batched.largest == 8
    assert "listening:" in capsys.readouterr().out


@pytest.mark.slow
def test_the_published_unet_has_850_million_numbers() -> None:
    diffusers = pytest.importorskip("diffusers", reason="MuseTalk's networks need the extra `musetalk`")
    import torch  # noqa: PLC0415

    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**PUBLISHED.unet)
        vae = diffusers.AutoencoderKL(**PUBLISHED.vae)
    numbers = [sum(value.numel() for value in network.parameters()) for network in (unet, vae)]
    # Files of 3.4 GB and 335 MB, four bytes a number.
    assert numbers[0] == pytest.approx(850e6, rel=0.01) and numbers[1] == pytest.approx(83.7e6, rel=0.01)
