"""Naming a face on the command line: a built-in one, an `.avatar` file or a photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.errors import AvatarError, EnrolError, IdentityFileError, ImageError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import write_identity
from avatar.identities import open_identity
from avatar.types import U8


def test_a_built_in_face_goes_by_its_id(astronaut: Identity) -> None:
    identity = open_identity("astronaut")
    assert identity.name == "Astronaut"
    assert np.array_equal(identity.rest.landmarks_px, astronaut.rest.landmarks_px)


def test_an_avatar_file_is_read(astronaut: Identity, tmp_path: Path) -> None:
    write_identity(astronaut, tmp_path / "me.avatar")
    assert open_identity(str(tmp_path / "me.avatar")).name == "Astronaut"


def test_a_photo_becomes_an_avatar_of_its_name(astronaut: Identity, photo: U8, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "My face.png")
    assert open_identity(str(tmp_path / "My face.png")).name == "My face"


def test_a_name_nobody_knows_lists_those_there_are() -> None:
    with pytest.raises(AvatarError, match="astronaut") as error:
        open_identity("nobody")
    assert error.value.code == "unknown_avatar" and "nobody" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("a.avatar", b"junk", IdentityFileError), ("a.jpg", b"junk", ImageError), ("a.png", b"", ImageError)],
)
def test_a_file_that_is_no_face_says_what_is_wrong(
    tmp_path: Path, name: str, content: bytes, kind: type[AvatarError]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(kind):
        open_identity(str(tmp_path / name))


def test_a_photo_of_no_one_is_refused(astronaut: Identity, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), (90, 120, 90)).save(tmp_path / "meadow.png")
    with pytest.raises(EnrolError, match="No face"):
        open_identity(str(tmp_path / "meadow.png"))
