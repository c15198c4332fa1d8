"""The list of built-in faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from avatar.errors import AvatarError
from avatar.identities.builtin import builtin_faces

ENTRY = {"id": "a", "name": "A", "image": "skimage:astronaut", "licence": "PD", "provenance": "NASA"}


def listing(folder: Path, *entries: dict[str, str]) -> Path:
    (folder / "faces.json").write_text(json.dumps({"faces": entries}))
    return folder


def test_a_picture_of_scikit_image_is_read_where_it_is_installed(tmp_path: Path) -> None:
    (face,) = builtin_faces(listing(tmp_path, ENTRY))
    assert face.image.is_file()
    assert "skimage" in face.image.parts


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "../a"}, "bad id"),
        ({"image": "assets/none.jpg"}, "is missing"),
        ({"image": "skimage:nobody"}, "is missing"),
    ],
)
def test_a_damaged_list_says_what_is_wrong(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    with pytest.raises(AvatarError, match=reason):
        builtin_faces(listing(tmp_path, {**ENTRY, **change}))


def test_two_faces_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="one id twice"):
        builtin_faces(listing(tmp_path, ENTRY, ENTRY))
