"""Exported networks answer as the trained ones do, in full and in eight bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="export needs the extra `train`")
pytest.importorskip("onnx", reason="export needs the extra `train`")

import torch

from avatar.generator.network import SIZES, FaceNetwork
from avatar.generator.network_files import network_files
from avatar.generator.network_weights import load_weights, save_weights
from training.export import main


def untrained(path: Path) -> Path:
    """Weights that do something everywhere: heads and blocks that start at zero are set at random."""
    torch.manual_seed(0)
    network = FaceNetwork(SIZES["lite"])
    with torch.no_grad():
        for value in network.parameters():
            if not value.any():
                value.normal_(0, 0.01)
    save_weights(path, network, "lite", {"step": 0, "seconds": 60, "held_back": {"mouth_l1_ratio": 0.9}})
    return path


def test_onnx_runtime_answers_as_torch_and_eight_bits_nearly_so(
    packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = untrained(tmp_path / "w.safetensors")
    options = ["--weights", str(weights), "--data", str(packed_folder), "--out", str(tmp_path), "--hold-back", "1"]
    assert main([*options, "--ship", str(tmp_path / "models")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["difference"] < 0.1  # of 255 levels: weights are stored in half precision
    assert abs(found["int8_psnr_drop_db"]) < 0.3
    shipped = network_files("lite", tmp_path / "models")
    assert (
        shipped.decoder_int8 is not None and shipped.decoder_int8.stat().st_size < 0.8 * shipped.decoder.stat().st_size
    )
    assert shipped.weights.stat().st_size < 0.6 * weights.stat().st_size
    given, kept = load_weights(weights), load_weights(shipped.weights)
    assert given[0] == kept[0] and given[2] == kept[2]
    assert all(torch.allclose(value, kept[1][name].float(), rtol=1e-3, atol=1e-6) for name, value in given[1].items())
    card = (tmp_path / "models" / "face_network_lite.md").read_text()
    assert "| NASA | public domain | 2 |" in card and "mouth_l1_ratio" in card
    assert all(path.stat().st_size < 7e6 for path in tmp_path.glob("*.onnx"))


def test_weights_of_another_shape_are_refused(
    packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(tmp_path / "w.safetensors", FaceNetwork(SIZES["standard"]), "lite", {})
    assert main(["--weights", str(tmp_path / "w.safetensors"), "--data", str(packed_folder)]) == 1
    assert "does not fit" in capsys.readouterr().err
    (tmp_path / "junk.safetensors").write_bytes(b"no weights at all")
    assert main(["--weights", str(tmp_path / "junk.safetensors"), "--data", str(packed_folder)]) == 1
    assert "damaged" in capsys.readouterr().err
