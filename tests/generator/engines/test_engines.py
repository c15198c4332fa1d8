"""Every engine that runs here draws the same picture; one that cannot run gives way and says so."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import ModelError
from avatar.generator.engines import choice
from avatar.generator.engines.engine import Engine, FrameInput
from avatar.generator.engines.torch_engine import TorchEngine
from avatar.generator.network_files import NetworkFiles, network_files
from avatar.generator.network_input import CONDITION_SIZE

S = 256


@pytest.mark.slow
def test_drawing_and_speaking_number_no_machine_for_telemetry(tmp_path: Path) -> None:
    """ONNX Runtime would number the machine in a file and send events to its maker."""
    program = (
        "from avatar.conversation.tts import open_voice; open_voice('hibari');"
        "from avatar.generator.engines.choice import load_engine; load_engine('lite', 'onnxruntime')"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", program], env={**environment, "HOME": str(tmp_path)}, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture(autouse=True)
def fresh_choice() -> Iterator[None]:
    choice.load_engine.cache_clear()
    yield
    choice.load_engine.cache_clear()


def frame(engine: Engine) -> FrameInput:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:S, :S]
    face = np.dstack([rows, columns, (rows + columns) // 2]).astype(np.uint8)
    masks = np.zeros((5, S, S), np.uint8)
    masks[0, 150:180, 100:156] = 255
    masks[3:, 40:220, 60:196] = 255
    steps = (np.arange(64, dtype=np.float32) + 0.5) / 32 - 1
    return FrameInput(
        moved=face,
        nearest=face[:, ::-1].copy(),
        regions=masks,
        seam=masks[4],
        grid=np.stack(np.meshgrid(steps, steps), axis=-1).astype(np.float32),
        latents=engine.encode(face),
        condition=rng.uniform(0, 0.5, CONDITION_SIZE).astype(np.float32),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", choice.ENGINES)
def test_every_engine_draws_the_same(name: str) -> None:
    reference = choice.load_engine("lite")
    try:
        engine = choice.ENGINES[name](network_files("lite"), 1)
    except (ImportError, RuntimeError, ModelError) as error:
        pytest.skip(f"{name} does not run here: {error}")
    wanted, found = reference.decode(frame(reference)), engine.decode(frame(engine))
    for layer, other, loose in zip(wanted, found, (6.0, 0.05 * 255, 0.3, 6.0), strict=True):
        assert layer.shape == other.shape and layer.dtype == other.dtype
        # Some engines run in 8 bits and some in full.
        assert np.abs(layer[..., :3].astype(np.float32) - other[..., :3]).mean() < loose


@pytest.mark.slow
def test_frames_drawn_together_are_what_they_are_alone() -> None:
    pytest.importorskip("torch", reason="the torch engine needs torch")
    engine = TorchEngine("torch", network_files("lite"), 1)
    one = frame(engine)
    frames = [one, replace(one, moved=one.nearest, nearest=one.moved), replace(one, condition=0 * one.condition)]
    for alone, together in zip(map(engine.decode, frames), engine.decode_batch(frames), strict=True):
        for layer, other in zip(alone, together, strict=True):
            assert layer.shape == other.shape
            assert np.abs(layer.astype(np.float32) - other).max() <= 1


def test_the_layers_of_one_frame_outlive_the_next() -> None:
    engine = choice.load_engine("lite")
    asked = frame(engine)
    first = engine.decode(asked)
    kept = first.add.copy()
    engine.decode(
        FrameInput(
            asked.nearest,
            asked.moved,
            *(getattr(asked, name) for name in ("regions", "seam", "grid", "latents", "condition")),
        )
    )
    assert np.array_equal(first.add, kept)


def test_two_people_drawn_in_turn_each_keep_their_own_face() -> None:
    """An engine that keeps a photo's latents from frame to frame must not show them in another's."""
    engine = choice.load_engine("lite")
    one = frame(engine)
    other = replace(one, latents=engine.encode(255 - one.moved))
    first, second, again = (engine.decode(asked) for asked in (one, other, one))
    assert all(np.array_equal(before, after) for before, after in zip(first, again, strict=True))
    assert not all(np.array_equal(mine, theirs) for mine, theirs in zip(first, second, strict=True))


def test_a_forced_engine_that_does_not_work_gives_way_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        first = choice.load_engine("lite", "onnxruntime-tensorrt")
        second = choice.load_engine("lite", "onnxruntime-tensorrt")
    assert first is second and first.name in choice.PREFERRED
    assert [record.message for record in caplog.records if "onnxruntime-tensorrt does not work here" in record.message]
    assert len(caplog.records) == 1


def test_an_unknown_engine_is_refused_with_the_list() -> None:
    with pytest.raises(ModelError, match="openvino"):
        choice.load_engine("lite", "abacus")


def test_where_nothing_works_every_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(files: NetworkFiles, threads: int) -> Engine:
        raise RuntimeError("out of order")

    makers: dict[str, Callable[[NetworkFiles, int], Engine]] = dict.fromkeys(choice.ENGINES, broken)
    monkeypatch.setattr(choice, "ENGINES", makers)
    with pytest.raises(ModelError, match="openvino: out of order; onnxruntime: out of order"):
        choice.load_engine("lite")
