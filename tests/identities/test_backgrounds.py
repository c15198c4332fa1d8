"""Pictures that visitors put behind their avatar are checked, kept in memory, and forgotten in their turn."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import AvatarError, ImageError
from avatar.identities import backgrounds
from avatar.identities.backgrounds import BackgroundLibrary

pytestmark = pytest.mark.anyio


def picture(size: tuple[int, int] = (640, 360), kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(out, kind)
    return out.getvalue()


@pytest.fixture
def library() -> Iterator[BackgroundLibrary]:
    made = BackgroundLibrary(LimitSettings(upload_bytes=200_000, upload_pixels=4_000_000))
    yield made
    made.close()


async def test_a_picture_that_nobody_uses_any_more_is_forgotten() -> None:
    now_s = 100.0
    library = BackgroundLibrary(LimitSettings(uploads_s=60), clock=lambda: now_s)
    used, unused = await library.add(picture()), await library.add(picture())
    now_s = 150.0
    await library.get(used)
    now_s = 161.0
    library.forget_unused()
    assert await library.get(used)
    with pytest.raises(AvatarError, match="send its picture again"):
        await library.get(unused)
    library.close()


async def test_a_picture_is_kept_as_a_call_can_show_it(library: BackgroundLibrary) -> None:
    kept = await library.get(await library.add(picture((2000, 1000), "PNG")))
    assert kept.kind == "picture" and kept.data is not None
    assert Image.open(io.BytesIO(kept.data)).size == (1280, 640)
    assert str(kept) == "picture" and "data" not in repr(kept)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture at all", "not_an_image"),
        (picture((2001, 2000), "PNG"), "too_many_pixels"),
        (picture((40, 40)), "image_too_small"),
        (picture()[:-400], "truncated_image"),
        (b"\xff\xd8\xff" + bytes(200_000), "too_many_bytes"),
    ],
)
async def test_what_is_no_picture_or_too_large_is_refused(library: BackgroundLibrary, data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as refused:
        await library.add(data)
    assert refused.value.code == code


async def test_the_oldest_of_whoever_has_most_is_forgotten(
    library: BackgroundLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backgrounds, "MOST_KEPT", 3)
    other = await library.add(picture(), visitor="other")
    mine = [await library.add(picture(), visitor="me") for _ in range(3)]
    for kept in (other, *mine[1:]):
        await library.get(kept)
    with pytest.raises(AvatarError) as forgotten:
        await library.get(mine[0])
    assert forgotten.value.code == "unknown_background"
    await library.remove(other)
    with pytest.raises(AvatarError, match="send its picture again"):
        await library.get(other)
