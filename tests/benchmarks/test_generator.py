"""What a generator costs: operations counted from the graph, time taken in turn, clear words where there is none."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar.generator.identity import Identity
from avatar.types import U8, Motion
from benchmarks import generator
from benchmarks.onnx_cost import gflop, multiply_adds


@pytest.fixture
def all_cores() -> Iterator[None]:
    """Give the process its cores back after the benchmark has tied it to one."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    yield
    if before is not None:
        os.sched_setaffinity(0, before)


class Sleeper:
    """A generator that only notes its turn."""

    picture_size = (512, 512)

    def __init__(self, turns: list[str], name: str) -> None:
        self._turns, self._name = turns, name

    def render(self, motion: Motion) -> U8:
        self._turns.append(self._name)
        return np.zeros((512, 512, 3), np.uint8)


def test_layers_cost_what_the_textbook_says() -> None:
    assert multiply_adds("Conv", (1, 8, 32, 32), (16, 8, 3, 3), (1, 16, 16, 16)) == 16 * 16 * 16 * 8 * 9
    assert multiply_adds("Conv", (1, 8, 32, 32), (8, 1, 3, 3), (1, 8, 32, 32)) == 8 * 32 * 32 * 9, "depthwise"
    assert multiply_adds("ConvTranspose", (1, 8, 16, 16), (8, 4, 2, 2), (1, 4, 32, 32)) == 8 * 16 * 16 * 4 * 4
    assert multiply_adds("MatMul", (1, 88), (88, 40), (1, 40)) == 88 * 40
    assert multiply_adds("Gemm", (88, 1), (88, 40), (1, 40), turned=True) == 88 * 40


def test_a_network_is_counted_from_its_file(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="extra `train` is not installed")
    pytest.importorskip("onnxruntime", reason="extra `train` is not installed")
    make = onnx.helper
    weight = onnx.numpy_helper.from_array(np.zeros((16, 3, 3, 3), np.float32), "w")
    nodes = [
        make.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1]),
        make.make_node("Relu", ["y"], ["z"]),
    ]
    kind = onnx.TensorProto.FLOAT
    for sides, name in (([1, 3, 64, 64], "fixed"), (["batch", 3, 64, 64], "free")):
        inputs, outputs = ([make.make_tensor_value_info(at, kind, s)] for at, s in (("x", sides), ("z", None)))
        graph = make.make_graph(nodes, "g", inputs, outputs, [weight])
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, str(tmp_path / f"{name}.onnx"))
    assert gflop(tmp_path / "fixed.onnx") == pytest.approx(2e-9 * 16 * 32 * 32 * 27)
    with pytest.raises(ValueError, match="no fixed size"):
        gflop(tmp_path / "free.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match="no ONNX network"):
        gflop(tmp_path / "broken.onnx")


def test_generators_draw_in_turn_and_the_first_pictures_do_not_count(move: Callable[..., Motion]) -> None:
    turns: list[str] = []
    motions = [move(number / 30) for number in range(generator.WARM_UP + 3)]
    timings = generator.time_in_turn([Sleeper(turns, "warp"), Sleeper(turns, "tier")], motions)  # type: ignore[list-item]
    assert turns == ["warp", "tier"] * len(motions)
    assert [len(timing.clock_ms) for timing in timings] == [3, 3]


def test_without_a_clip_an_idle_face_moves_its_mouth() -> None:
    motions = generator.motions_of(None, 60)
    jaws = [float(motion.blendshapes.max()) for motion in motions]
    assert len(motions) == 60 and max(jaws) > 0.5


@pytest.mark.slow
def test_a_short_clip_plays_there_and_back(driver_clip: Path) -> None:
    motions = generator.motions_of(driver_clip, 150)
    assert len(motions) == 150
    yaw = np.degrees([motion.rotation[1] for motion in motions])
    assert np.ptp(yaw) > 10 and abs(np.diff(yaw)).max() < 5, "without a leap where it turns back"


@pytest.mark.slow
def test_a_run_times_the_warp_and_says_what_it_has_not(
    astronaut: Identity,
    all_cores: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(generator, "test_clips", lambda limit: (_ for _ in ()).throw(SystemExit("no clips")))
    monkeypatch.setattr(generator, "open_identity", lambda named: astronaut)
    monkeypatch.setattr(
        "sys.argv", ["generator", "--tier", "geometry", "--frames", "5", "--json", str(tmp_path / "figures.json")]
    )
    generator.main()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert 0 < figures["ms_per_frame_1core"] < 1000 and 0 < figures["geometry_ms_per_frame_1core"] < 1000
    assert figures["resident_mb"] < 100, "another warp is a few pictures"
    assert math.isnan(figures["gflop"]) and math.isnan(figures["int8_psnr_drop_db"])
    assert "has no network" in capsys.readouterr().out
