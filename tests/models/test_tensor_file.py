"""What is written comes back, however its arrays lay in memory, and a write that fails leaves the old file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, load_file

from avatar.models.tensor_file import tensor_bytes, write_tensor_file, write_whole

NUMBERS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(NUMBERS.transpose(2, 0, 1), id="transposed"),
        pytest.param(np.asfortranarray(NUMBERS), id="column by column"),
        pytest.param(NUMBERS[:, :, ::2], id="every second number"),
        pytest.param(NUMBERS[::-1], id="backwards"),
        pytest.param(np.broadcast_to(NUMBERS[0], (5, 3, 4)), id="broadcast"),
        pytest.param(np.asarray(7.5, np.float16), id="one number"),
        pytest.param(np.zeros((0, 3), np.uint8), id="empty"),
    ],
)
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    back = load(tensor_bytes({"array": array}, {}))["array"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


def test_a_file_is_made_with_its_folder_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "weights.safetensors"
    write_tensor_file(path, {"a": NUMBERS}, {"format": "first"})
    write_tensor_file(path, {"a": NUMBERS.T}, {"format": "second"})
    np.testing.assert_array_equal(load_file(path)["a"], NUMBERS.T)
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "me.avatar"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
