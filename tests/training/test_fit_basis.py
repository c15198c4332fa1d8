"""The command on two real clips, end to end; and its answer to bad input."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import load_file

from avatar.errors import MediaError
from avatar.generator.tuning.face_tracks import read_manifest, track_clip
from training.fit_basis import main


@pytest.fixture
def few_clips(face_clips: ModuleType, tmp_path: Path) -> Path:
    """The manifest of three people to fit on and one to measure on."""
    people = [("mira", "train"), ("tomas", "train"), ("kofi", "train"), ("lin", "test")]
    return face_clips.write_clips(tmp_path, people, seconds=1.2)


@pytest.mark.slow
def test_fits_on_clips_writes_weights_and_card_and_resumes(few_clips: Path, tmp_path: Path) -> None:
    out, work = tmp_path / "basis.safetensors", tmp_path / "work"
    arguments = ["--clips", str(few_clips.parent), "--manifest", str(few_clips), "--out", str(out), "--work", str(work)]
    assert main(arguments) == 0
    first = load_file(out)
    assert first["mean"].shape == (478, 3) and first["blendshapes"].shape == (52, 478, 3)
    assert np.isfinite(first["blendshapes"]).all()
    card = out.with_suffix(".md").read_text()
    assert "3 people" in card and "Measured on 1 clips" in card
    kept = {path: path.stat().st_mtime_ns for path in work.iterdir()}
    assert len(kept) == 4
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in work.iterdir()} == kept, "tracks are not made twice"
    assert np.array_equal(load_file(out)["blendshapes"], first["blendshapes"]), "the same input gives the same weights"


def test_a_missing_manifest_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--clips", str(tmp_path), "--manifest", str(tmp_path / "none.csv")]) == 1
    assert "not a clip manifest" in capsys.readouterr().err


def test_a_file_that_is_no_video_says_so(face_model: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"not a video" * 100)
    with pytest.raises(MediaError, match="it is no clip or sound"):
        track_clip(junk, face_model, tmp_path / "work")


def test_only_videos_of_the_manifest_count(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "file,kind,split,source_repo,repo_license,identity_group\n"
        "a.mp4,video,train,x/y,MIT,id1\nb.jpg,still,train,x/y,MIT,id2\n"
    )
    assert [clip.name for clip in read_manifest(manifest)] == ["a.mp4"]
