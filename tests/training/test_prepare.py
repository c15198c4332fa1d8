"""Packing real clips: the face stays in the middle, a second run does nothing, bad input is answered."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from avatar.generator.tuning.clip_crops import chosen_frames
from avatar.generator.tuning.packed_clips import read_packed
from training.prepare import main


@pytest.fixture
def manifest(face_clips: ModuleType, tmp_path: Path) -> Path:
    """The manifest of a clip of each split."""
    return face_clips.write_clips(tmp_path, [("mira", "train"), ("lin", "test")], seconds=1.2)


@pytest.mark.slow
def test_packs_one_split_with_the_face_in_the_middle_and_resumes(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "packed"
    arguments = [
        "--clips",
        str(manifest.parent),
        "--manifest",
        str(manifest),
        "--out",
        str(out),
        "--work",
        str(tmp_path / "work"),
    ]
    assert main(arguments) == 0
    (clip,) = read_packed(out)
    assert clip.label.split == "train" and clip.rgb.shape[1:] == (256, 256, 3)
    face = clip.tracks.landmarks[:, :468, :2]
    assert face.min() > -10 and face.max() < 266, "the face is in the picture"
    assert np.abs(face.mean(axis=1) - 128).max() < 30, "and in its middle"
    assert np.diff(clip.tracks.time_s).min() > 0.05, "at most 15 frames a second"
    made = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == made, "nothing is packed twice"
    assert "MB" in capsys.readouterr().out


@pytest.mark.parametrize("rate", [12.0, 25.0, 30.0, 60.0])
def test_frames_are_thinned_to_the_rate_and_evenly(rate: float) -> None:
    times = (np.arange(round(10 * rate)) / rate).astype(np.float32)
    kept = times[chosen_frames(times, 15.0)]
    assert len(kept) == pytest.approx(10 * min(rate, 15.0), rel=0.05)
    assert np.diff(kept).max() < 2.1 / min(rate, 15.0)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text("nothing\n")
    assert main(["--clips", str(tmp_path), "--manifest", str(tmp_path / "bad.csv"), "--out", str(tmp_path / "o")]) == 1
    assert "bad.csv" in capsys.readouterr().err
