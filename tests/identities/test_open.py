"""Naming a face on the command line: a built-in one, an `.avatar` file or a photo."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from avatar.config import LimitSettings, TrustSettings
from avatar.errors import AvatarError, ConsentError, EnrolError, IdentityFileError, ImageError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import with_consent, write_identity
from avatar.identities.open import face_warnings, open_identity
from avatar.types import U8
from benchmarks.photo_checks import COLOURS, masked


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


@pytest.mark.slow
def test_a_photo_of_ones_own_may_be_larger_than_an_upload(photo: U8, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.fromarray(photo).resize((2000, 2000)).save(large, compress_level=0)
    assert large.stat().st_size > LimitSettings().upload_bytes
    assert open_identity(str(large)).name == "large"


def test_a_photo_that_will_not_do_is_named(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(b"junk")
    with pytest.raises(ImageError, match=r"me\.jpg: This file is not a picture"):
        open_identity(str(tmp_path / "me.jpg"))


def test_what_is_wrong_with_a_photo_is_told_wherever_one_is_named(astronaut: Identity, tmp_path: Path) -> None:
    covered = str(tmp_path / "covered.png")
    picture = Image.fromarray(masked(astronaut.rest, COLOURS["black mask"], np.random.default_rng(0)))
    picture.resize((2 * picture.width, 2 * picture.height)).save(covered)
    (warning,) = face_warnings(covered, open_identity(covered))
    assert "cover the mouth" in warning
    assert face_warnings("astronaut", astronaut) == ()


def test_where_consent_is_asked_for_a_face_opens_only_with_it(astronaut: Identity, photo: U8, tmp_path: Path) -> None:
    asked = TrustSettings(require_consent=True)
    old, new, picture = tmp_path / "old.avatar", tmp_path / "new.avatar", tmp_path / "me.png"
    write_identity(astronaut, old)
    with pytest.raises(ConsentError, match=r"old\.avatar does not say whose face it is.*avatar enroll PHOTO --consent"):
        open_identity(str(old), asked)
    key = Ed25519PrivateKey.generate()
    write_identity(with_consent(astronaut, "self", key, datetime.now(UTC)), new)
    assert open_identity(str(new), asked).name == "Astronaut"
    with pytest.raises(ConsentError, match="none of those that count here"):
        open_identity(str(new), TrustSettings(require_consent=True, consent_keys=("00" * 32,)))
    Image.fromarray(photo).save(picture)
    with pytest.raises(ConsentError, match="--consent self"):
        open_identity(str(picture), asked)
    assert open_identity(str(picture), TrustSettings(require_consent=True, consent="permitted")).name == "me"
    assert open_identity("astronaut", asked).name == "Astronaut", "who came with the program is no stranger"


def test_a_built_in_face_is_enrolled_once(monkeypatch: pytest.MonkeyPatch, astronaut: Identity) -> None:
    first = open_identity("astronaut")
    monkeypatch.setattr("avatar.identities.open.enrol", None)
    assert open_identity("astronaut") is first
