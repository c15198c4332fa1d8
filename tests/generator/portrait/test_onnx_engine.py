"""LivePortrait as ONNX files of the user's own: those of seeded networks answer as torch does; others are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="LivePortrait's networks need the extra `portrait`")
pytest.importorskip("onnx", reason="files are made with the extra `train`")

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from avatar.commands import portrait_models
from avatar.commands.main import main
from avatar.errors import GpuMemoryError, ModelError
from avatar.generator.portrait import fitting, tier
from avatar.generator.portrait.drawing import motion_numbers
from avatar.generator.portrait.engine import PortraitEngine
from avatar.generator.portrait.networks import load_portrait_networks
from avatar.generator.portrait.onnx_engine import FILES, MOTION_OUTPUTS, OnnxPortraitEngine
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.generator.portrait.tier import load_networks
from avatar.generator.tiers import open_generator
from avatar.identities.open import open_identity
from avatar.types import U8, rest_motion

pytestmark = pytest.mark.slow

MOTION = PortraitMotion(
    rotation=np.array([[0.98, -0.199, 0], [0.199, 0.98, 0], [0, 0, 1]], np.float32),
    expression=np.full((21, 3), 0.01, np.float32),
    scale=1.1,
    translation=np.array([0.1, -0.05], np.float32),
    lip_opening=0.3,
    eye_opening=0.2,
    lip_share=0.7,
    eye_share=1.0,
)


def square(seed: int) -> U8:
    return np.random.default_rng(seed).integers(0, 255, (256, 256, 3), np.uint8)


def tinted(path: Path, names: tuple[str, str, str] = ("feature_3d", "kp_driving", "kp_source")) -> None:
    """Write a stand-in for warping and drawing: its colour is the driven keypoints' mean (x, y, z), halved, and 0.5."""
    feature = helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [1, 32, 16, 64, 64])
    points = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 21, 3]) for name in names[1:]]
    numbers = {"half": np.float32(0.5), "axes": np.array([1]), "shape": np.array([1, 3, 1, 1]),
               "whole": np.array([1, 3, 512, 512])}  # fmt: skip
    nodes = [
        helper.make_node("ReduceMean", ["kp_driving", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "half"], ["small"]),
        helper.make_node("Add", ["small", "half"], ["grey"]),
        helper.make_node("Reshape", ["grey", "shape"], ["pixel"]),
        helper.make_node("Expand", ["pixel", "whole"], ["out"]),
    ]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 512, 512])
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "warping_spade", [feature, *points], [out], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


@pytest.fixture(scope="module")
def folder(seeded_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files named and shaped as FasterLivePortrait's, of networks with seeded weights; warping and drawing stand in."""
    folder = tmp_path_factory.mktemp("checkpoints")
    files = folder / "liveportrait_onnx"
    files.mkdir()
    networks = load_portrait_networks(seeded_weights, torch.device("cpu"), torch.float32).by_name()
    for key, network in networks.items():
        if key in FILES:
            example = torch.zeros(1, *FILES[key].inputs[0])
            outputs = list(MOTION_OUTPUTS) if key == "motion" else ["out"]
            torch.onnx.export(
                network, (example,), files / FILES[key].name, input_names=["img"], output_names=outputs, dynamo=False
            )
    tinted(files / "warping_spade.onnx")
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> OnnxPortraitEngine:
    return OnnxPortraitEngine(folder, "onnxruntime", 1)


def test_what_it_reads_is_what_torch_reads(engine: OnnxPortraitEngine, seeded_weights: Path) -> None:
    reference = PortraitEngine(seeded_weights, "cpu", 1)
    for found, wanted in zip(engine.read(square(1)), reference.read(square(1)), strict=True):
        assert np.abs(found - wanted).max() < 1e-3
    source, same = engine.source(square(1), 0.1, (0.3, 0.3)), reference.source(square(1), 0.1, (0.3, 0.3))
    assert np.abs(source.volume - same.volume.numpy()).max() < 1e-3
    numbers, told = (torch.from_numpy(one[None]) for one in (same.numbers, motion_numbers(MOTION)))
    with torch.inference_mode():
        _, driven = reference._network.keypoints(numbers, told)
    mean = driven[0].numpy().mean(axis=0) / 2 + 0.5
    picture = engine.draw(source, MOTION)
    assert picture.shape == (512, 512, 3)
    assert np.abs(picture[100, 100] - (mean.clip(0, 1) * 255)).max() <= 1


def test_names_say_which_keypoints_are_which(folder: Path, tmp_path: Path, engine: OnnxPortraitEngine) -> None:
    for path in (folder / "liveportrait_onnx").iterdir():
        if path.name != "warping_spade.onnx":
            (tmp_path / path.name).symlink_to(path)
    tinted(tmp_path / "warping_spade.onnx", ("feature_3d", "kp_source", "kp_driving"))
    other = OnnxPortraitEngine(tmp_path, "onnxruntime", 1)
    pictures = [one.draw(one.source(square(2), 0.1, (0.3, 0.3)), MOTION) for one in (engine, other)]
    assert np.array_equal(*pictures)


def test_they_are_used_by_path_and_draw(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    monkeypatch.setattr(portrait_models, "FITTED_ON", 1)
    few = list(fitting.known_motions())[:3]
    monkeypatch.setattr(fitting, "known_motions", lambda: few)
    load_networks.cache_clear()
    assert main(["models", "pull", "liveportrait", "--onnx", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out
    assert load_networks("auto").name == "onnxruntime"
    picture = open_generator(open_identity("mira"), (256, 256), "portrait").render(rest_motion(0.0))
    assert picture.shape == (256, 256, 3)
    with pytest.raises(ModelError, match=r"onnxruntime-cuda: this build of ONNX Runtime has no CUDA.*pip uninstall"):
        load_networks("onnxruntime-cuda")
    with pytest.raises(ModelError, match="torch: the weights for torch are missing"):
        load_networks("torch")
    load_networks.cache_clear()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.unlink(), r"cannot be read .*to hold FasterLivePortrait.*stitching_lip\.onnx"),
        (lambda path: path.write_bytes(b"nothing of ONNX"), "no file of ONNX, or damaged"),
        (
            lambda path: path.write_bytes((path.parent / "stitching_eye.onnx").read_bytes()),
            r"takes \(66,\), not \(65,\)",
        ),
    ],
)
def test_other_files_are_refused(folder: Path, tmp_path: Path, damage: Any, says: str) -> None:
    for path in (folder / "liveportrait_onnx").iterdir():
        if "stitching" in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
        else:
            (tmp_path / path.name).symlink_to(path)
    damage(tmp_path / "stitching_lip.onnx")
    with pytest.raises(ModelError, match=says):
        OnnxPortraitEngine(tmp_path, "onnxruntime", 1)


def test_a_provider_that_cannot_warp_says_what_can(engine: OnnxPortraitEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_planes(*_: object) -> None:
        raise ValueError("Only 4-D tensor is supported")

    monkeypatch.setattr(engine._networks["picture"], "run", only_planes)
    with pytest.raises(RuntimeError, match=r"Only 4-D .* torch can: avatar models pull liveportrait"):
        engine._try_out()


def test_a_full_memory_is_told(engine: OnnxPortraitEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def run(self, *_: object) -> None:
            raise RuntimeError("BFCArena: Failed to allocate memory for requested buffer of size 4194304")

    monkeypatch.setattr(engine._networks["motion"], "_session", Full())
    with pytest.raises(GpuMemoryError):
        engine.read(square(3))


def test_a_damaged_record_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    (tmp_path / tier.ONNX).write_text("[]")
    with pytest.raises(ModelError, match="damaged: remove it"):
        tier.recorded_onnx()
