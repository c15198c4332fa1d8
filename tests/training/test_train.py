"""Training runs: they learn, go on after a kill as if there had been none, and stop at the first bad number."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra `train`")

import torch

from avatar.errors import ModelError, TrainingError
from avatar.generator.network_weights import load_weights
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.generator.tuning.pairs import PairBatches
from training.checkpoint import Progress, load_state, save_state
from training.train import main
from training.trainer import Trainer, TrainerSettings, learning_rate

CPU = torch.device("cpu")


def arguments(packed: Path, out: Path, steps: int) -> list[str]:
    # fmt: off
    return [
        "--data", str(packed), "--out", str(out), "--steps", str(steps), "--batch", "4", "--hold-back", "1",
        "--measure-every", "2", "--device", "cpu", "--threads", "1",
    ]
    # fmt: on


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(packed_folder: Path, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert main(arguments(packed_folder, whole, 4)) == 0
    for steps in (2, 4):
        assert main(arguments(packed_folder, halves, steps)) == 0
    (one, at_once), (two, resumed) = load_state(whole / "state.safetensors"), load_state(halves / "state.safetensors")
    assert one.step == two.step == 4
    for name, value in at_once["average"].items():
        assert torch.allclose(value, resumed["average"][name], atol=1e-6), name
    with (halves / "log.csv").open() as lines:
        assert [row["step"] for row in csv.DictReader(lines)] == ["2", "4"]
    tier, _, about = load_weights(whole / "best.safetensors")
    assert tier == "lite" and math.isfinite(about["held_back"]["mouth_l1_ratio"])
    assert (whole / "sheet.jpg").stat().st_size > 10_000
    assert not list(whole.glob("*.part"))


def test_the_loss_falls_on_what_is_seen_again_and_again(packed_clips: list[PackedClip]) -> None:
    trainer = Trainer(TrainerSettings("lite", seed=0, rate=1e-2), CPU)
    batch = PairBatches(packed_clips, batch=4, seed=0)[0]
    losses = [trainer.learn(batch) for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]
    assert all(torch.isfinite(value).all() for value in trainer.average.state_dict().values())


def test_the_critic_joins_when_its_step_comes(packed_clips: list[PackedClip]) -> None:
    trainer = Trainer(TrainerSettings("lite", seed=0, critic_from=1), CPU)
    batches = PairBatches(packed_clips, batch=4, seed=0)
    before = trainer.critic.state_dict()["verdict.bias"].clone()
    trainer.learn(batches[0])
    assert torch.equal(trainer.critic.state_dict()["verdict.bias"], before)
    soft, sharp = (replace(batches[1], sharp=np.full(4, fine)) for fine in (False, True))
    assert math.isfinite(trainer.learn(soft))
    assert torch.equal(trainer.critic.state_dict()["verdict.bias"], before), "soft footage teaches no sharpness"
    assert math.isfinite(trainer.learn(sharp))
    assert not torch.equal(trainer.critic.state_dict()["verdict.bias"], before)


def test_a_loss_that_is_no_number_stops_and_leaves_the_weights_as_they_were(
    packed_clips: list[PackedClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(TrainerSettings("lite", seed=0), CPU)
    batch = PairBatches(packed_clips, batch=4, seed=0)[0]
    trainer.learn(batch)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    monkeypatch.setattr("training.trainer.picture_loss", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(TrainingError, match="last saved"):
        trainer.learn(batch)
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    assert trainer.step == 1


def test_another_tiers_or_seeds_folder_is_refused(
    packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(packed_folder, tmp_path, 1)) == 0
    assert main([*arguments(packed_folder, tmp_path, 2), "--seed", "5"]) == 1
    assert "seed 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--tier", "huge"], "lite"),
        (["--batch", "3"], "multiple of 4"),
        (["--hold-back", "3"], "nobody left"),
        (["--data", "nowhere"], "prepare"),
    ],
)
def test_bad_options_get_a_clear_answer(
    packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    assert main([*arguments(packed_folder, tmp_path, 1), *more]) == 1
    assert says in capsys.readouterr().err


def test_a_truncated_state_says_so(packed_folder: Path, tmp_path: Path) -> None:
    assert main(arguments(packed_folder, tmp_path, 1)) == 0
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(ModelError, match="damaged"):
        load_state(state)
    with pytest.raises(ModelError, match="missing"):
        load_weights(tmp_path / "none.safetensors")


def test_a_new_run_begins_with_the_weights_it_is_given(packed_folder: Path, tmp_path: Path) -> None:
    assert main(arguments(packed_folder, tmp_path / "old", 2)) == 0
    given = tmp_path / "old" / "best.safetensors"
    assert main([*arguments(packed_folder, tmp_path / "new", 0), "--weights", str(given)]) == 0
    begun = load_state(tmp_path / "new" / "state.safetensors")[1]["network"]
    assert all(torch.equal(value, begun[name]) for name, value in load_weights(given)[1].items())
    assert main([*arguments(packed_folder, tmp_path / "wide", 0), "--weights", str(given), "--tier", "standard"]) == 0
    progress, wide = load_state(tmp_path / "wide" / "state.safetensors")
    narrow = begun["decoder.see_moved.bias"]
    assert progress.tier == "standard" and torch.equal(wide["network"]["decoder.see_moved.bias"], narrow.repeat(2))


def test_a_run_begun_when_the_network_was_told_of_speech_goes_on(
    packed_clips: list[PackedClip], tmp_path: Path
) -> None:
    trainer, batch = Trainer(TrainerSettings("lite", seed=0), CPU), PairBatches(packed_clips, batch=4, seed=0)[0]
    trainer.learn(batch)
    state = trainer.state()
    old = {
        part: {
            # Weights, averages and the optimiser's moments alike: 33 columns for numbers that were always zero.
            name: torch.cat([value, torch.ones(len(value), 33)], dim=1) if value.shape[-1:] == (55,) else value
            for name, value in tensors.items()
        }
        for part, tensors in state.items()
    }
    assert sum(value.shape[-1:] == (88,) for tensors in old.values() for value in tensors.values()) == 4
    save_state(tmp_path / "state.safetensors", Progress("lite", 0, 1, 1.0, 0.0, 0), old)
    _, parts = load_state(tmp_path / "state.safetensors")
    resumed = Trainer(TrainerSettings("lite", seed=0), CPU)
    resumed.restore(1, parts)
    assert resumed.learn(batch) == pytest.approx(trainer.learn(batch), rel=1e-5)


def test_the_learning_rate_rises_then_falls_without_end() -> None:
    rates = [learning_rate(step, 1e-3) for step in (0, 99, 3000, 30_000)]
    assert rates[0] < rates[1] and rates[1] == pytest.approx(1e-3, rel=0.02)
    assert rates[1] > rates[2] > rates[3] > 0
