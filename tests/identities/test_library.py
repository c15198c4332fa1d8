"""What a server offers and what visitors upload."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from avatar.config import LimitSettings, TrustSettings
from avatar.errors import (
    AvatarError,
    ConsentError,
    EnrolError,
    IdentityFileError,
    ImageError,
    ServerFullError,
    UnknownAvatarError,
)
from avatar.generator.identity import Identity
from avatar.generator.identity_file import identity_from_bytes, with_consent, write_identity
from avatar.identities.builtin import BuiltinFace, builtin_faces
from avatar.identities.library import AvatarLibrary
from avatar.identities.made_avatar import PREVIEW_SIZE
from avatar.types import U8

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def astronaut(astronaut: Identity) -> Identity:
    return replace(astronaut, name="Eileen")


@pytest.fixture(scope="module")
def photo_file(photo: U8) -> bytes:
    """The portrait, as the file a browser sends."""
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def faces(photo_file: bytes, tmp_path: Path) -> tuple[BuiltinFace, ...]:
    listing = [
        {"id": "astronaut", "name": "Eileen", "image": "astronaut.jpg", "licence": "PD", "provenance": "NASA"},
        {"id": "drawn", "name": "Drawn", "image": "assets/drawn.jpg", "licence": "CC0", "provenance": "this test"},
    ]
    (tmp_path / "faces.json").write_text(json.dumps({"faces": listing}))
    (tmp_path / "drawn.jpg").write_bytes(photo_file)
    (tmp_path / "astronaut.jpg").write_bytes(photo_file)
    return builtin_faces(tmp_path)


def enrolling(identity: Identity, seen: list[tuple[int, str]] | None = None) -> Callable[[Sequence[U8], str], Identity]:
    """An enrolment that takes no time."""

    def make(photos: Sequence[U8], name: str) -> Identity:
        if seen is not None:
            seen.append((len(photos), name))
        return identity

    return make


async def test_built_in_faces_are_listed_at_once_and_made_in_the_background(
    faces: tuple[BuiltinFace, ...], astronaut: Identity
) -> None:
    seen: list[tuple[int, str]] = []
    library = AvatarLibrary(faces, LimitSettings(), enrol=enrolling(astronaut, seen))
    library.start()
    assert [(info.id, info.name, info.kind) for info in library.listed()] == [
        ("astronaut", "Eileen", "builtin"),
        ("drawn", "Drawn", "builtin"),
    ]
    assert await library.identity("drawn") is astronaut
    assert await library.identity("drawn") is astronaut
    assert seen == [(1, "Eileen"), (1, "Drawn")], "each is made once"
    with Image.open(io.BytesIO(await library.preview("astronaut"))) as preview:
        assert preview.format == "JPEG"
        assert preview.size == (PREVIEW_SIZE, PREVIEW_SIZE)
    library.close()


async def test_an_upload_is_usable_by_its_id_alone(astronaut: Identity, photo_file: bytes) -> None:
    seen: list[tuple[int, str]] = []
    library = AvatarLibrary((), LimitSettings(), enrol=enrolling(astronaut, seen))
    first, second = await asyncio.gather(
        library.add([photo_file, photo_file], "  Ada\n\x00Lovelace " + "x" * 200), library.add([photo_file])
    )
    assert first.kind == "uploaded"
    assert first.name.startswith("Ada Lovelace xxx")
    assert len(first.name) == 80
    assert len(first.id) >= 20
    assert first.id != second.id
    assert seen[0][0] == 2, "both photos are used"
    assert library.listed() == []
    assert library.info(first.id) == first
    stored = identity_from_bytes(await library.file(first.id))
    assert stored.name == first.name
    assert (await library.identity(first.id)).rest.rgb.shape == astronaut.rest.rgb.shape
    await library.remove(first.id)
    with pytest.raises(UnknownAvatarError):
        library.info(first.id)
    with pytest.raises(UnknownAvatarError):
        await library.identity(first.id)
    library.close()


async def test_whoever_sends_a_photo_that_will_hardly_do_is_told(astronaut: Identity, photo_file: bytes) -> None:
    rest = astronaut.rest
    blurred = replace(rest, rgb=np.asarray(cv2.GaussianBlur(rest.rgb, (0, 0), 6), np.uint8))
    library = AvatarLibrary([], LimitSettings(), enrol=lambda photos, name: replace(astronaut, portraits=(blurred,)))
    try:
        warnings = (await library.add([photo_file])).warnings
    finally:
        library.close()
    assert any("blurred" in warning for warning in warnings)


async def test_an_upload_that_nobody_uses_any_more_is_forgotten(astronaut: Identity, photo_file: bytes) -> None:
    now_s = 100.0
    library = AvatarLibrary((), LimitSettings(uploads_s=60), enrol=enrolling(astronaut), clock=lambda: now_s)
    used, unused = await library.add([photo_file], "1"), await library.add([photo_file], "2")
    now_s = 150.0
    await library.identity(used.id)
    now_s = 161.0
    with pytest.raises(UnknownAvatarError, match="Add the photo again"):
        library.info(unused.id)
    assert library.info(used.id)
    now_s = 222.0
    library.forget_unused()
    with pytest.raises(UnknownAvatarError):
        await library.identity(used.id)
    library.close()


async def test_the_upload_unused_for_longest_gives_way(astronaut: Identity, photo_file: bytes) -> None:
    library = AvatarLibrary((), LimitSettings(uploaded_avatars=2), enrol=enrolling(astronaut))
    first, second = await library.add([photo_file], "1"), await library.add([photo_file], "2")
    await library.identity(first.id)
    third = await library.add([photo_file], "3")
    assert library.info(first.id)
    assert library.info(third.id)
    with pytest.raises(UnknownAvatarError):
        library.info(second.id)
    library.close()


async def test_many_uploads_stay_usable_though_few_are_kept_decoded(astronaut: Identity, photo_file: bytes) -> None:
    library = AvatarLibrary((), LimitSettings(), enrol=enrolling(astronaut))
    infos = [await library.add([photo_file], f"{number}") for number in range(12)]
    names = [(await library.identity(info.id)).name for info in infos]
    assert names == [f"{number}" for number in range(12)]
    library.close()


async def test_photos_that_will_not_do_are_told_apart(astronaut: Identity, photo_file: bytes) -> None:
    def refuse(photos: Sequence[U8], name: str) -> Identity:
        raise EnrolError("There is no face in the photo.")

    library = AvatarLibrary((), LimitSettings(), enrol=refuse)
    with pytest.raises(EnrolError):
        await library.add([photo_file])
    with pytest.raises(ImageError, match="Photo 2: ") as caught:
        await library.add([photo_file, b"no photo"])
    assert caught.value.code == "not_an_image"
    library.close()


async def test_the_loop_runs_on_while_photos_are_made_into_avatars_and_the_queue_is_bounded(
    astronaut: Identity, photo_file: bytes
) -> None:
    release = threading.Event()

    def slow(photos: Sequence[U8], name: str) -> Identity:
        release.wait(10)
        return astronaut

    library = AvatarLibrary((), LimitSettings(), enrol=slow)
    waiting = [asyncio.create_task(library.add([photo_file])) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(ServerFullError):
        await library.add([photo_file])
    waiting[3].cancel()  # a visitor who goes away
    release.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in done) == 7
    assert (await library.add([photo_file])).kind == "uploaded"
    library.close()


async def test_a_built_in_face_that_failed_is_tried_again(faces: tuple[BuiltinFace, ...], astronaut: Identity) -> None:
    answers: list[Identity | Exception] = [AvatarError("no model"), astronaut]

    def sometimes(photos: Sequence[U8], name: str) -> Identity:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    library = AvatarLibrary(faces[:1], LimitSettings(), enrol=sometimes)
    with pytest.raises(AvatarError, match="no model"):
        await library.identity("astronaut")
    assert await library.identity("astronaut") is astronaut
    library.close()


async def test_the_operators_folder_is_offered_to_everybody(
    tmp_path: Path, astronaut: Identity, faces: tuple[BuiltinFace, ...], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "avatars"
    folder.mkdir()
    write_identity(astronaut, folder / "Front Desk.avatar")
    write_identity(astronaut, folder / "front-desk.avatar")
    (folder / "broken.avatar").write_bytes(b"junk")
    (folder / "folder.avatar").mkdir()
    os.mkfifo(folder / "pipe.avatar")
    library = AvatarLibrary(faces[:1], LimitSettings(), folder=folder, enrol=enrolling(astronaut))
    assert [info.id for info in library.listed()] == ["astronaut", "front-desk"]
    for name, reason in (
        ("broken", "not an avatar file"), ("folder", "no file"), ("pipe", "no file"), ("front-desk", "already"),
    ):  # fmt: skip
        said = [line for line in caplog.messages if f"{name}.avatar is not offered" in line and reason in line]
        assert said and said[0].count(f"{name}.avatar") == 1, name
    identity = await library.identity("front-desk")
    assert np.array_equal(identity.rest.landmarks_px, astronaut.rest.landmarks_px)
    with pytest.raises(AvatarError):
        await library.identity("broken")
    with pytest.raises(AvatarError, match="stays"):
        await library.remove("front-desk")
    library.close()


async def test_a_file_that_breaks_while_the_server_runs_is_no_longer_listed_and_its_place_is_told_to_nobody(
    tmp_path: Path, astronaut: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "desk.avatar"
    write_identity(astronaut, path)
    library = AvatarLibrary((), LimitSettings(), folder=tmp_path)
    path.unlink()
    with pytest.raises(IdentityFileError) as refused:
        await library.preview("desk")
    assert str(tmp_path) not in str(refused.value) and "log" in str(refused.value)
    assert any(str(path) in line for line in caplog.messages)
    assert library.listed() == []
    write_identity(astronaut, path)
    assert await library.preview("desk")
    assert [info.id for info in library.listed()] == ["desk"], "it is back"
    library.close()


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="does not exist"):
        AvatarLibrary((), LimitSettings(), folder=tmp_path / "nowhere")


async def test_photos_are_looked_at_one_by_one_and_the_first_bad_one_ends_the_work(
    astronaut: Identity, photo_file: bytes
) -> None:
    looked_at: list[tuple[int, ...]] = []

    def no_face(photos: Sequence[U8], name: str) -> Identity:
        for picture in photos:
            looked_at.append(picture.shape)
            raise EnrolError("There is no face in the photo.")
        raise AssertionError("there are photos")

    library = AvatarLibrary((), LimitSettings(), enrol=no_face)
    with pytest.raises(EnrolError):
        await library.add([photo_file] * 8)
    assert looked_at == [(512, 512, 3)]
    library.close()


async def test_photos_that_are_large_together_are_refused_before_any_is_decoded(
    astronaut: Identity, photo_file: bytes
) -> None:
    seen: list[tuple[int, str]] = []
    limits = LimitSettings(upload_pixels_together=512 * 512 * 3)
    library = AvatarLibrary((), limits, enrol=enrolling(astronaut, seen))
    with pytest.raises(ImageError, match="together") as caught:
        await library.add([photo_file] * 4)
    assert caught.value.code == "too_many_pixels"
    assert not seen
    assert await library.add([photo_file] * 3)
    library.close()


async def test_what_is_there_is_served_while_photos_are_made_into_avatars(
    faces: tuple[BuiltinFace, ...], astronaut: Identity, photo_file: bytes
) -> None:
    release = threading.Event()

    def slow(photos: Sequence[U8], name: str) -> Identity:
        assert name != "slow" or release.wait(30)
        return astronaut

    library = AvatarLibrary(faces, LimitSettings(), enrol=slow)
    earlier = [await library.add([photo_file], f"{number}") for number in range(9)]  # the first no longer decoded
    making = asyncio.create_task(library.add([photo_file], "slow"))
    async with asyncio.timeout(20):
        assert (await library.identity(earlier[0].id)).name == "0"
        assert await library.identity("astronaut") is astronaut
        assert await library.preview("drawn")
        assert await library.file("drawn") == await library.file("drawn")
        assert await library.file(earlier[0].id)
    assert not making.done()
    release.set()
    assert (await making).name == "slow"
    library.close()


async def test_one_visitors_uploads_neither_delay_nor_push_out_anothers(astronaut: Identity, photo_file: bytes) -> None:
    begun: list[str] = []
    release = threading.Event()

    def enrol_when_told(photos: Sequence[U8], name: str) -> Identity:
        begun.append(name)
        assert release.wait(30)
        return astronaut

    library = AvatarLibrary((), LimitSettings(uploaded_avatars=3), enrol=enrol_when_told)
    many = [asyncio.create_task(library.add([photo_file], f"many {number}", visitor="many")) for number in range(5)]
    await asyncio.sleep(0)
    few = asyncio.create_task(library.add([photo_file], "few", visitor="few"))
    await asyncio.sleep(0)
    release.set()
    done = [await task for task in (*many, few)]
    assert begun == ["many 0", "many 1", "few", "many 2", "many 3", "many 4"]
    assert library.info(done[-1].id), "the visitor with most uploads loses the oldest of them"
    with pytest.raises(UnknownAvatarError):
        library.info(done[0].id)
    library.close()


async def test_what_is_said_of_an_upload_is_signed_and_in_its_file(
    astronaut: Identity, photo_file: bytes, tmp_path: Path
) -> None:
    trust = TrustSettings(require_consent=True, key_folder=tmp_path)
    library = AvatarLibrary((), LimitSettings(), enrol=enrolling(astronaut), trust=trust)
    with pytest.raises(ConsentError, match="asks whose face it is"):
        await library.add([photo_file])
    with pytest.raises(ConsentError, match="self, permitted, nobody") as wrong:
        await library.add([photo_file], consent="maybe")
    assert wrong.value.code == "bad_consent"
    info = await library.add([photo_file], consent="self")
    assert (info.consent, library.info(info.id).consent) == ("self", "self")
    consent = identity_from_bytes(await library.file(info.id)).consent
    assert consent is not None and consent.claim == "self"
    library.close()


async def test_where_only_others_words_count_no_upload_is_taken(
    astronaut: Identity, photo_file: bytes, tmp_path: Path
) -> None:
    trust = TrustSettings(require_consent=True, consent_keys=("ab" * 32,), key_folder=tmp_path)
    library = AvatarLibrary((), LimitSettings(), enrol=enrolling(astronaut), trust=trust)
    with pytest.raises(ConsentError, match="--consent-key"):
        await library.add([photo_file], consent="self")
    library.close()


async def test_a_server_that_cannot_keep_a_key_signs_all_the_same(
    astronaut: Identity, photo_file: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    trust = TrustSettings(consent="permitted", key_folder=tmp_path / "file")
    library = AvatarLibrary((), LimitSettings(), enrol=enrolling(astronaut), trust=trust)
    info = await library.add([photo_file])
    consent = identity_from_bytes(await library.file(info.id)).consent
    assert consent is not None and consent.claim == "permitted", "what the operator says where nobody does"
    assert "forgotten at the end" in caplog.text
    library.close()


async def test_files_without_consent_are_not_offered_where_it_is_asked_for(
    astronaut: Identity, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_identity(astronaut, tmp_path / "old.avatar")
    new = with_consent(astronaut, "self", Ed25519PrivateKey.generate(), datetime.now(UTC))
    write_identity(new, tmp_path / "new.avatar")
    trust = TrustSettings(require_consent=True)
    library = AvatarLibrary((), LimitSettings(), folder=tmp_path, trust=trust)
    assert [(info.id, info.consent) for info in library.listed()] == [("new", "self")]
    assert "old.avatar is not offered: it does not say whose face" in caplog.text
    assert await library.file("new") == (tmp_path / "new.avatar").read_bytes(), "a download is the operator's file"
    library.close()
