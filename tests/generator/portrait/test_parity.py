"""LivePortrait's networks as we read them: they answer as the original modules do, and take only their own weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="LivePortrait's networks need the extra `portrait`")

import torch

from avatar.errors import ModelError
from avatar.generator.portrait import checkpoints
from avatar.generator.portrait.checkpoints import CHECKPOINTS, convert_checkpoints, fold_spectral_norm
from avatar.generator.portrait.networks import load_portrait_networks
from benchmarks.parity import LARGEST, answers, differences
from benchmarks.seeded_weights import published_state, write_published


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints as the hub lays them out, with seeded weights."""
    folder = tmp_path_factory.mktemp("published")
    write_published(folder)
    return folder


@pytest.fixture
def copied(published: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    for checkpoint in CHECKPOINTS.values():
        path = tmp_path / checkpoint.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.symlink_to(published / checkpoint.file)
    return tmp_path


def replace(path: Path, holds: Any) -> None:
    path.unlink()
    torch.save(holds, path)


@pytest.mark.slow
def test_published_checkpoints_answer_as_the_original_modules_do(published: Path, tmp_path: Path) -> None:
    convert_checkpoints(published, tmp_path / "weights.safetensors")
    # G takes half a minute on two cores: `benchmarks.parity` has it.
    apart = differences(answers(tmp_path / "weights.safetensors", "cpu", half=False, without=("G",)))
    assert len(apart) == 17
    assert max(apart.values()) <= LARGEST


def test_a_checkpoint_that_is_not_there_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="avatar models pull liveportrait"):
        convert_checkpoints(tmp_path, tmp_path / "weights.safetensors")


def test_nothing_but_weights_is_read_from_a_checkpoint(copied: Path, tmp_path: Path) -> None:
    first = copied / CHECKPOINTS["appearance"].file
    replace(first, {"weights": Path("of a class that is no tensor")})
    with pytest.raises(ModelError, match="nothing in it was run"):
        convert_checkpoints(copied, tmp_path / "weights.safetensors")
    assert not (tmp_path / "weights.safetensors").exists()


def test_a_truncated_checkpoint_is_refused(copied: Path, tmp_path: Path) -> None:
    path = copied / CHECKPOINTS["appearance"].file
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged"):
        convert_checkpoints(copied, tmp_path / "weights.safetensors")


def test_a_checkpoint_larger_than_any_is_not_opened(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LARGEST_BYTES", 1000)
    with pytest.raises(ModelError, match="more than any"):
        convert_checkpoints(copied, tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("first.conv.bias"), "lacks first.conv.bias"),
        (lambda state: state.update(other=torch.zeros(3)), "beside what belongs there, other"),
        (lambda state: state.update({"first.conv.bias": torch.zeros(3)}), "not as"),
        (lambda state: state.update({"first.conv.bias": torch.zeros(64, dtype=torch.int64)}), "int64"),
        (lambda state: state.update({"first.conv.bias": torch.full((64,), float("nan"))}), "not a number"),
        (lambda state: state.update(first=[1, 2]), "does not hold the weights"),
    ],
)
def test_weights_of_another_network_are_refused(copied: Path, tmp_path: Path, change: Any, says: str) -> None:
    state = published_state("appearance")
    change(state)
    replace(copied / CHECKPOINTS["appearance"].file, state)
    with pytest.raises(ModelError, match=says):
        convert_checkpoints(copied, tmp_path / "weights.safetensors")


def test_a_weight_without_its_singular_vectors_is_refused() -> None:
    with pytest.raises(ModelError, match="singular vectors"):
        fold_spectral_norm({"conv.weight_orig": torch.zeros(2, 3)})


def test_a_folded_weight_has_one_as_its_largest_singular_value() -> None:
    state = {name: value for name, value in published_state("decoder").items() if name.startswith("up_1.conv_s")}
    (weight,) = fold_spectral_norm(state).values()
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)  # eight steps of power


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        load_portrait_networks(tmp_path / "weights.safetensors", torch.device("cpu"), torch.float32)
