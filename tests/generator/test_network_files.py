"""Shipped network files are the ones this version was made for, or the reason they are not is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openvino
import pytest

from avatar.errors import ModelError
from avatar.generator.network_files import network_files, write_register


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parts = {}
    for part in ("encoder", "decoder", "decoder-int8"):
        parts[part] = tmp_path / f"net-{part}.onnx"
        parts[part].write_bytes(part.encode() * 100)
    write_register(tmp_path, "lite", parts)
    return tmp_path


def test_files_are_found_by_what_they_are_for(folder: Path) -> None:
    found = network_files("lite", folder)
    assert found.encoder.name == "net-encoder.onnx" and found.decoder.name == "net-decoder.onnx"
    assert found.decoder_int8 is not None and found.decoder_int8.name == "net-decoder-int8.onnx"


def test_the_shipped_files_are_whole() -> None:
    found = network_files("lite")
    assert all(path.stat().st_size < 15e6 for path in (found.encoder, found.decoder, found.weights))


def test_two_products_of_the_8_bit_decoder_never_overflow_16_bits() -> None:
    """CPUs without VNNI add them in 16 bits: with weights that take all of their eight bits mouths come out wrong."""
    found = network_files("lite")
    operations = openvino.Core().read_model(str(found.decoder_int8)).get_ops()
    constants = [one.data for one in operations if one.get_type_name() == "Constant"]
    weights = [one.astype(np.int32) for one in constants if one.dtype == np.int8 and one.ndim == 4]
    assert len(weights) > 20, "convolutions are in 8 bits"
    for kernel in weights:
        assert 2 * 255 * np.abs(kernel).max() <= np.iinfo(np.int16).max


def test_a_tier_without_weights_says_so(folder: Path) -> None:
    with pytest.raises(ModelError, match="no weights for tier 'standard'"):
        network_files("standard", folder)


def test_a_truncated_file_is_damaged(folder: Path) -> None:
    path = folder / "net-decoder.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged or of another version"):
        network_files("lite", folder)


def test_a_file_changed_without_changing_its_size_is_damaged(folder: Path) -> None:
    network_files("lite", folder)
    path = folder / "net-decoder.onnx"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(ModelError, match="damaged or of another version"):
        network_files("lite", folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "net-encoder.onnx").unlink()
    with pytest.raises(ModelError, match=r"net-encoder\.onnx is missing"):
        network_files("lite", folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 1}, "version 1"),
        ({"tier": "standard"}, "not the register"),
        ({"format": "other"}, "not the register"),
        ({"files": {}}, "not the register"),
        ({"files": 3}, "damaged"),
        ({"files": {"encoder": {"file": "../../etc/passwd"}, "decoder": {}}}, "no plain file"),
    ],
)
def test_a_register_that_is_not_ours_is_refused(folder: Path, change: dict[str, object], reason: str) -> None:
    path = folder / "face_network_lite.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelError, match=reason):
        network_files("lite", folder)


def test_junk_for_a_register_is_refused(folder: Path) -> None:
    (folder / "face_network_lite.json").write_text("no json")
    with pytest.raises(ModelError, match="damaged"):
        network_files("lite", folder)
