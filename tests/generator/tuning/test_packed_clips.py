"""What is packed comes back; what is damaged says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import MediaError
from avatar.generator.tuning.packed_clips import PackedClip, is_packed, read_packed, write_packed


@pytest.mark.slow
def test_crops_landmarks_and_coefficients_come_back(packed_clips: list[PackedClip], tmp_path: Path) -> None:
    clip = packed_clips[0]
    write_packed(tmp_path, clip.label, list(clip.rgb), clip.tracks, 15)
    again = read_packed(tmp_path)[0]
    assert again.label == clip.label
    assert np.abs(again.tracks.landmarks - clip.tracks.landmarks).max() <= 0.5 / 32 + 1e-6
    assert np.abs(again.tracks.blendshapes - clip.tracks.blendshapes).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(again.tracks.windows, clip.tracks.windows)
    assert np.abs(again.rgb.astype(int) - clip.rgb).mean() < 3, "of 255: H.264 at near-lossless quality"


def test_a_clip_is_small_enough_to_travel(packed_folder: Path) -> None:
    frames = 16 * 3
    size = sum(path.stat().st_size for path in packed_folder.iterdir())
    assert size / frames < 12_000, "bytes a frame; 5,000 frames must stay under 60 MB"


def test_a_clip_counts_as_packed_only_when_whole_and_at_that_rate(
    packed_folder: Path, packed_clips: list[PackedClip], tmp_path: Path
) -> None:
    label = packed_clips[0].label
    assert is_packed(packed_folder, label, 15) and not is_packed(packed_folder, label, 30)
    shutil.copy(packed_folder / "anna.mp4", tmp_path)
    assert not is_packed(tmp_path, label, 15), "the numbers are written last"


def test_an_empty_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="prepare"):
        read_packed(tmp_path)


@pytest.mark.parametrize("name", ["anna.npz", "anna.mp4"])
def test_a_truncated_file_is_named(packed_folder: Path, tmp_path: Path, name: str) -> None:
    for path in packed_folder.glob("anna.*"):
        shutil.copy(path, tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="anna"):
        read_packed(tmp_path)
