"""The list of built-in faces."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from avatar.config import LimitSettings
from avatar.errors import AvatarError
from avatar.identities.builtin import builtin_face, builtin_faces
from avatar.media.photo import read_photo

ENTRY = {"id": "a", "name": "A", "image": "drawn.png", "licence": "PD", "provenance": "NASA"}


def listing(folder: Path, *entries: dict[str, str]) -> Path:
    (folder / "drawn.png").touch()
    (folder / "faces").mkdir(exist_ok=True)
    (folder / "faces.json").write_text(json.dumps({"faces": entries}))
    return folder


def test_the_astronaut_is_nasas_picture_to_the_pixel() -> None:
    """As `assets/README.md` says: no encoding has touched it."""
    picture = read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())
    assert picture.shape == (512, 512, 3)
    assert hashlib.sha256(picture.tobytes()).hexdigest().startswith("a8c429c18afa7b0f")


def test_a_face_is_known_by_its_id() -> None:
    assert builtin_face("mira").name == "Mira"
    with pytest.raises(AvatarError, match="no built-in face 'nobody'; there are: mira"):
        builtin_face("nobody")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "../a"}, "bad id"),
        ({"image": "assets/none.jpg"}, "is missing"),
        ({"image": "faces"}, "is missing"),
    ],
)
def test_a_damaged_list_says_what_is_wrong(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    with pytest.raises(AvatarError, match=reason):
        builtin_faces(listing(tmp_path, {**ENTRY, **change}))


def test_two_faces_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="one id twice"):
        builtin_faces(listing(tmp_path, ENTRY, ENTRY))
