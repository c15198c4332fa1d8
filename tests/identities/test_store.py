"""Uploads in a store that several servers share: what one takes another has, and what is wrong there harms nobody."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import AvatarError, StoreError, UnknownAvatarError
from avatar.generator.identity import Identity
from avatar.generator.identity_file import identity_to_bytes
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.identities.library import AvatarLibrary
from avatar.identities.store import (
    LOOK_AFTER_S,
    TAG_LETTERS,
    StoredFile,
    UploadStore,
    new_names,
    open_store,
    overflowing,
)
from avatar.types import U8

pytest.importorskip("fsspec")
pytestmark = pytest.mark.anyio


def avatars_in(folder: Path, most: int = 100) -> UploadStore:
    return open_store(str(folder), "avatars", ".avatar", most=most, lives_s=1000.0)


class Server:
    """One of several servers with one store."""

    def __init__(self, folder: Path, identity: Identity, most: int = 100) -> None:
        def enrol(photos: Sequence[U8], name: str) -> Identity:
            return identity

        self.library = AvatarLibrary((), LimitSettings(), store=avatars_in(folder, most), enrol=enrol)


@pytest.fixture(scope="module")
def photo_file(photo: U8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.fixture
def two(tmp_path: Path, astronaut: Identity) -> Iterator[tuple[AvatarLibrary, AvatarLibrary]]:
    servers = Server(tmp_path / "store", astronaut), Server(tmp_path / "store", astronaut)
    yield servers[0].library, servers[1].library
    for server in servers:
        server.library.close()


async def test_a_face_sent_to_one_server_is_on_every_other(
    two: tuple[AvatarLibrary, AvatarLibrary], astronaut: Identity, photo_file: bytes
) -> None:
    first, second = two
    info = await first.add([photo_file], "Ada")
    assert (await second.identity(info.id)).rest.rgb.shape == astronaut.rest.rgb.shape
    assert second.info(info.id).name == "Ada"
    assert (await second.preview(info.id)).startswith(b"\xff\xd8")


async def test_a_face_removed_on_one_server_is_gone_on_all(
    two: tuple[AvatarLibrary, AvatarLibrary], photo_file: bytes
) -> None:
    first, second = two
    info = await first.add([photo_file])
    await second.identity(info.id)
    await second.remove(info.id)
    for library in two:
        with pytest.raises(UnknownAvatarError):
            await library.identity(info.id)


async def test_where_the_store_is_gone_known_faces_stay_and_new_ones_wait_with_a_message(
    two: tuple[AvatarLibrary, AvatarLibrary], tmp_path: Path, photo_file: bytes
) -> None:
    first, second = two
    info = await first.add([photo_file])
    shutil.rmtree(tmp_path / "store")
    assert await first.identity(info.id), "calls go on with the faces they have"
    with pytest.raises(StoreError, match="cannot be reached just now"):
        await first.add([photo_file])
    with pytest.raises(StoreError, match="try again"):
        await second.identity(info.id)
    (tmp_path / "store" / "avatars").mkdir(parents=True)
    assert await first.add([photo_file]), "and it is found again when it is back"


async def test_a_file_of_the_store_that_is_no_avatar_is_as_none(
    two: tuple[AvatarLibrary, AvatarLibrary], tmp_path: Path, astronaut: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "store" / "avatars"
    whole = identity_to_bytes(astronaut)
    for name, data in (("junkjunkjunkjunkjunk", b"junk"), ("halfhalfhalfhalfhalf", whole[: len(whole) // 2])):
        (folder / f"{name}.avatar").write_bytes(data)
        with pytest.raises(UnknownAvatarError):
            await two[0].identity(name)
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "a" * 65, "short", "with/slash/with/slash", "nul\x00" * 5])
async def test_no_id_leads_out_of_the_store(two: tuple[AvatarLibrary, AvatarLibrary], name: str) -> None:
    with pytest.raises(UnknownAvatarError):
        await two[0].identity(name)


async def test_a_file_larger_than_any_avatar_is_not_read(tmp_path: Path) -> None:
    store = avatars_in(tmp_path)
    (tmp_path / "avatars" / f"{'x' * 20}.avatar").write_bytes(bytes(1000))
    assert await store.get("x" * 20, 999) is None
    assert await store.get("x" * 20, 1000) == bytes(1000)
    store.close()


async def test_backgrounds_are_shared_as_faces_are(tmp_path: Path, photo_file: bytes) -> None:
    libraries = [
        BackgroundLibrary(
            LimitSettings(), store=open_store(str(tmp_path), "backgrounds", ".jpg", most=10, lives_s=1000.0)
        )
        for _ in range(2)
    ]
    background_id = await libraries[0].add(photo_file)
    assert (await libraries[1].get(background_id)).kind == "picture"
    await libraries[1].remove(background_id)
    with pytest.raises(AvatarError, match="send its picture again"):
        await libraries[0].get(background_id)
    for library in libraries:
        library.close()


def test_of_too_many_files_the_oldest_of_whoever_has_most_go() -> None:
    greedy = [StoredFile("greedy" + f"{number:016d}", float(number)) for number in range(8)]
    modest = [StoredFile("modest" + f"{number:016d}", 0.0) for number in range(2)]
    assert overflowing([*greedy, *modest], 20, oldest_s=0.0) == []
    assert overflowing([*greedy, *modest], 7, oldest_s=0.0) == [file.name for file in greedy[:3]]
    assert overflowing([*greedy, *modest], 4, oldest_s=0.0) == [file.name for file in greedy[:6]]


def test_what_nobody_has_used_for_long_goes_before_anything_else() -> None:
    files = [StoredFile("ancient" + "x" * 15, 10.0), StoredFile("recent" + "x" * 16, 20.0)]
    assert overflowing(files, 20, oldest_s=15.0) == [files[0].name]


async def test_a_full_store_makes_room_by_itself(tmp_path: Path) -> None:
    begin_s = time.time()
    looks = itertools.count(begin_s, LOOK_AFTER_S)  # each is late enough to tidy up again
    files = avatars_in(tmp_path)
    store = UploadStore(files._files, f"{tmp_path}/avatars", ".avatar", most=3, lives_s=1e9, clock=lambda: next(looks))
    for number in range(6):
        await store.put(f"{number}" * 20, b"file")
    assert len(list((tmp_path / "avatars").iterdir())) == 3
    store.close()
    files.close()


async def test_a_face_that_is_used_stays_and_one_that_is_not_is_forgotten(
    tmp_path: Path, astronaut: Identity, photo_file: bytes
) -> None:
    store = avatars_in(tmp_path)
    library = AvatarLibrary((), LimitSettings(), store=store, enrol=lambda photos, name: astronaut)
    used, unused = await library.add([photo_file]), await library.add([photo_file])
    for info in (used, unused):  # most of its life has passed
        os.utime(tmp_path / "avatars" / f"{info.id}.avatar", (time.time() - 990, time.time() - 990))
    await library.identity(used.id)
    later = UploadStore(
        store._files, f"{tmp_path}/avatars", ".avatar", most=10, lives_s=1000.0, clock=lambda: time.time() + 500
    )
    await later.put("x" * 20, b"")
    left = {path.stem for path in (tmp_path / "avatars").iterdir()}
    later.close()
    library.close()
    assert used.id in left and unused.id not in left


def test_a_name_tells_two_visitors_apart_and_neither_who_they_are() -> None:
    name = new_names(tagged=True)
    first, second, other = name("192.0.2.1"), name("192.0.2.1"), name("192.0.2.2")
    assert first != second
    assert first[:TAG_LETTERS] == second[:TAG_LETTERS] != other[:TAG_LETTERS]
    assert new_names(tagged=True)("192.0.2.1")[:TAG_LETTERS] != first[:TAG_LETTERS]


def test_a_store_that_cannot_be_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AvatarError, match="store of uploads cannot be used"):
        open_store(str(tmp_path / "file"), "avatars", ".avatar", most=10, lives_s=1000.0)
    with pytest.raises(AvatarError, match="store of uploads cannot be used"):
        open_store("nosuchkind://somewhere", "avatars", ".avatar", most=10, lives_s=1000.0)


@pytest.mark.slow
async def test_a_bucket_is_a_store_as_a_folder_is(
    astronaut: Identity, photo_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    s3 = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    s3.start()
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://{}:{}".format(*s3.get_host_and_port()))
    import s3fs  # noqa: PLC0415 - an extra

    s3fs.S3FileSystem().mkdir("faces")
    stores = [open_store("s3://faces/shared", "avatars", ".avatar", most=2, lives_s=1000.0) for _ in range(2)]
    libraries = [
        AvatarLibrary((), LimitSettings(), store=store, enrol=lambda photos, name: astronaut) for store in stores
    ]
    try:
        info = await libraries[0].add([photo_file], "Ada")
        assert (await libraries[1].identity(info.id)).rest.rgb.shape == astronaut.rest.rgb.shape
        await libraries[1].remove(info.id)
        with pytest.raises(UnknownAvatarError):
            await libraries[0].identity(info.id)
        kept = await libraries[0].add([photo_file], "Grace")
    finally:
        s3.stop()
    assert await libraries[0].identity(kept.id), "the bucket is gone, and calls go on"
    with pytest.raises(StoreError):
        await libraries[1].identity(kept.id)
    for library in libraries:
        library.close()
