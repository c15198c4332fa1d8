"""Weights of earlier versions are read, and draw what they drew."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the network needs the extra `train`")

import torch
from torch import Tensor

from avatar.errors import ModelError
from avatar.generator.network import SIZES, FaceNetwork
from avatar.generator.network_files import FORMAT
from avatar.generator.network_weights import load_network, load_weights, save_weights, write_tensors


def told_of_speech(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with columns for 33 numbers about speech, as they came out of training: noise."""
    return tensors | {
        name: torch.cat([value, torch.randn(len(value), 33)], dim=1)
        for name, value in tensors.items()
        if name == "decoder.steer.0.weight"
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    network = FaceNetwork(SIZES["lite"])
    save_weights(tmp_path / "net.safetensors", network, "lite", {"step": 7})
    tier, tensors, about = load_weights(tmp_path / "net.safetensors")
    assert (tier, about) == ("lite", {"step": 7})
    assert all(torch.equal(value, tensors[name]) for name, value in network.state_dict().items())


def test_weights_that_were_told_of_speech_lose_the_columns_that_were_always_zero(tmp_path: Path) -> None:
    network = FaceNetwork(SIZES["lite"])
    labels = {"format": FORMAT, "version": "4", "tier": "lite", "about": "{}"}
    old = told_of_speech(dict(network.state_dict()))
    assert old["decoder.steer.0.weight"].shape == (96, 88)
    write_tensors(tmp_path / "old.safetensors", old, labels)
    tier, read = load_network(tmp_path / "old.safetensors")
    assert tier == "lite"
    for name, value in read.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
    expression = torch.rand(1, 55)
    steered = torch.nn.functional.linear(
        torch.cat([expression, torch.zeros(1, 33)], dim=1), old["decoder.steer.0.weight"], old["decoder.steer.0.bias"]
    )
    assert torch.allclose(read.decoder.steer[0](expression), steered, atol=1e-6)


def test_weights_of_a_version_before_that_say_so(tmp_path: Path) -> None:
    labels = {"format": FORMAT, "version": "3", "tier": "lite", "about": "{}"}
    write_tensors(tmp_path / "older.safetensors", {"some": torch.zeros(1)}, labels)
    with pytest.raises(ModelError, match="version 3, not avatar-face-network version 5"):
        load_weights(tmp_path / "older.safetensors")
