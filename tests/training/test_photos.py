"""A photo with an open mouth becomes a lesson: closed by geometry to start from, itself to arrive at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar import face_mesh as mesh
from avatar.errors import ModelError
from avatar.generator.identity import Identity
from avatar.models import get_model
from avatar.training.holdback import split_people
from avatar.training.packed_clips import PackedClip, read_packed
from avatar.training.pairs import PairBatches
from avatar.training.photos import VIEWS, main

HEADER = "file,kind,split,identity_group,source_repo,repo_license"


@pytest.fixture(scope="module")
def photos(astronaut: Identity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of a smile with teeth, of nobody, and of somebody who is kept for measuring."""
    try:
        get_model("face_landmarker")
    except ModelError as error:
        pytest.skip(f"no landmarker and no network to fetch it: {error}")
    folder = tmp_path_factory.mktemp("photos")
    smile = cv2.cvtColor(astronaut.rest.rgb, cv2.COLOR_RGB2BGR)
    for name, picture in (("smile", smile), ("wall", np.full_like(smile, 90)), ("test", smile)):
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    lines = ["smile.png,still,train,anna", "wall.png,still,train,ben", "test.png,still,test,cleo"]
    (folder / "MANIFEST.csv").write_text("\n".join([HEADER, *(f"{line},NASA,public domain" for line in lines)]))
    return folder


@pytest.fixture(scope="module")
def packed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PackedClip:
    out = tmp_path_factory.mktemp("packed_photos")
    given = ["--photos", str(photos), "--manifest", str(photos / "MANIFEST.csv"), "--out", str(out)]
    assert main([*given, "--sheet", str(out / "sheet.jpg")]) == 0
    assert (out / "sheet.jpg").is_file()
    (clip,) = read_packed(out)
    return clip


def openings(clip: PackedClip) -> np.ndarray:
    upper, lower = (clip.tracks.landmarks[:, list(lip), 1] for lip in (mesh.UPPER_INNER_LIP, mesh.LOWER_INNER_LIP))
    return np.asarray((lower - upper).max(axis=1))


def test_the_photo_of_a_smile_is_shown_closed_first_and_then_as_it_is(packed: PackedClip) -> None:
    assert packed.label.name == "smile.png" and packed.made == VIEWS and len(packed.rgb) == 2 * VIEWS
    opening = openings(packed)
    assert opening[:VIEWS].max() < 1 and opening[VIEWS:].min() > 3, "pixels of the crop"
    turns = packed.tracks.landmarks[:, mesh.FOREHEAD, 0] - packed.tracks.landmarks[:, mesh.CHIN, 0]
    assert np.ptp(turns) > 3, "heads are turned"
    # What lies between the lips of a smile is bright; closed lips hide it.
    x, y = packed.tracks.landmarks[:, [mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE], :2].mean(axis=1).astype(int).T
    levels = packed.rgb[np.arange(2 * VIEWS), y, x].mean(axis=1)
    assert levels[VIEWS:].mean() > levels[:VIEWS].mean() + 20


def test_made_frames_are_never_asked_for_and_real_ones_never_shown_as_photos(
    packed: PackedClip, packed_clips: list[PackedClip]
) -> None:
    clip = PackedClip(packed.label, _numbered(packed), packed.tracks, packed.made)
    for step in range(10):
        batch = PairBatches([clip], batch=4, seed=1)[step]
        assert (batch.target.max(axis=(1, 2, 3)) > 200).all() and (batch.references.max(axis=(1, 2, 3)) < 200).all()
    filmed = [PackedClip(one.label, np.zeros_like(one.rgb), one.tracks) for one in packed_clips]
    batches = PairBatches([*filmed, clip], batch=4, seed=0)
    shown = [bool(batches[step].target.max() > 150) for step in range(40)]
    assert 0.05 < np.mean(shown) < 0.5, "a quarter of what is drawn"


def test_people_known_from_photos_alone_are_not_measured(packed: PackedClip, packed_clips: list[PackedClip]) -> None:
    train, held_back = split_people([*packed_clips, packed], 1)
    assert not any(clip.made for clip in held_back)
    person = held_back[0].label.person
    assert not any(clip.label.person == person for clip in train), "nor is a photo of somebody who is measured"


def test_a_manifest_without_photos_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "MANIFEST.csv").write_text(f"{HEADER}\na.mp4,video,train,anna,NASA,public domain\n")
    assert main(["--photos", str(tmp_path), "--manifest", str(tmp_path / "MANIFEST.csv"), "--out", str(tmp_path)]) == 1
    assert "has no photos" in capsys.readouterr().err


def test_a_photo_that_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "MANIFEST.csv").write_text(f"{HEADER}\na.png,still,train,anna,NASA,public domain\n")
    assert main(["--photos", str(tmp_path), "--manifest", str(tmp_path / "MANIFEST.csv"), "--out", str(tmp_path)]) == 1
    assert "a.png cannot be read" in capsys.readouterr().err


def _numbered(clip: PackedClip) -> np.ndarray:
    """Dark pictures where frames were made, bright ones where they are real."""
    pictures = np.full_like(clip.rgb, 60)
    pictures[clip.made :] = 250
    return pictures
