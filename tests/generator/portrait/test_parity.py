"""LivePortrait's networks as we read them: they answer as the original modules do, and take only their own weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="LivePortrait's networks need the extra `portrait`")

import torch

from avatar.commands import portrait_models
from avatar.commands.main import main
from avatar.errors import ModelError
from avatar.face.pose import fit_pose
from avatar.generator.portrait import checkpoints, fitting
from avatar.generator.portrait.checkpoints import CHECKPOINTS, convert_checkpoints, fold_spectral_norm
from avatar.generator.portrait.networks import load_portrait_networks
from avatar.generator.portrait.tier import load_networks
from avatar.generator.tiers import open_generator
from avatar.identities.open import open_identity
from avatar.media.frame_pixels import RgbPixels
from avatar.types import FaceState, rest_motion
from benchmarks.parity import LARGEST, answers, differences
from benchmarks.seeded_weights import published_state


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
def test_published_checkpoints_answer_as_the_original_modules_do(seeded_weights: Path) -> None:
    # G takes half a minute on two cores: `benchmarks.parity` has it.
    apart = differences(answers(seeded_weights, "cpu", without=("G",)))
    assert len(apart) == 17
    assert max(apart.values()) <= LARGEST


@pytest.mark.slow
def test_the_whole_way_from_the_hub_to_a_picture(
    published: Path,
    tmp_path: Path,
    serve_hub: Callable[[Path], AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "hub/KwaiVGI/LivePortrait/resolve/main").mkdir(parents=True)
    (tmp_path / "hub/KwaiVGI/LivePortrait/resolve/main/liveportrait").symlink_to(published)
    monkeypatch.setattr(portrait_models, "FITTED_ON", 1)
    few = list(fitting.known_motions())[:3]
    monkeypatch.setattr(fitting, "known_motions", lambda: few)
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path / "models"))
    load_networks.cache_clear()
    with serve_hub(tmp_path / "hub") as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert main(["models", "pull", "liveportrait"]) == 1, "nobody has accepted the licence"
        assert main(["models", "pull", "liveportrait", "--accept-licence"]) == 0
    said = capsys.readouterr()
    assert "MIT" in said.out and said.out.count("sha256") == 5 and "--accept-licence" in said.err
    assert not list((tmp_path / "models").rglob("*.pth")), "half a gigabyte that is kept as safetensors"
    generator = open_generator(open_identity("mira"), (256, 256), "portrait", "torch")
    assert generator.render(rest_motion(0.0)).shape == (256, 256, 3)
    assert generator.read_driver(RgbPixels(open_identity("mira").rest.rgb), seen_face()).shape == (21, 3)
    load_networks.cache_clear()


def seen_face() -> FaceState:
    photo = open_identity("mira").rest
    size = (photo.rgb.shape[1], photo.rgb.shape[0])
    return FaceState(0.0, photo.landmarks_px, photo.blendshapes, fit_pose(photo.landmarks_px), 1.0, size)


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
    matrix = torch.randn(8, 12, generator=torch.Generator().manual_seed(1))
    left, values, right = torch.linalg.svd(matrix)
    state = {"weight_orig": matrix, "weight_u": left[:, 0], "weight_v": right[0], "bias": values}
    folded = fold_spectral_norm(state)
    assert folded.keys() == {"weight", "bias"}
    assert torch.linalg.matrix_norm(folded["weight"], 2).item() == pytest.approx(1)


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        load_portrait_networks(tmp_path / "weights.safetensors", torch.device("cpu"), torch.float32)
