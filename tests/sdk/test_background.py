"""A program changes what is behind its avatar while it lives, here and on a server alike."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avatar.config import Background
from avatar.errors import AvatarError, ImageError
from avatar.sdk.avatar import Avatar
from avatar.sdk.frames import VideoFrame
from avatar.sdk.renderer import LocalRenderer

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["in this process", "on a server"])
def opened(fake_parts: Any, bot_server: Any, request: pytest.FixtureRequest) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncIterator[Avatar]:
        parts = fake_parts.plain_parts(size=(128, 128))
        if request.param == "in this process":
            async with Avatar(LocalRenderer(lambda: parts)) as face:
                yield face
        else:
            with bot_server.bot_server() as server:
                async with server.connect(parts) as face:
                    yield face

    return make


async def see(face: Avatar, is_there: Callable[[VideoFrame], bool]) -> VideoFrame:
    """Return the first picture that shows something; every picture before it shows an avatar too."""
    async for frame in face:
        if isinstance(frame, VideoFrame) and is_there(frame):
            return frame
    raise AssertionError("the avatar has ended")


def green_above(frame: VideoFrame) -> bool:
    return bool((np.abs(frame.rgb[8:24, 8:120].astype(int) - (0, 200, 60)).mean(axis=(0, 1)) < 12).all())


async def test_it_changes_in_mid_session_and_what_cannot_be_is_said(opened: Callable[[], Any], tmp_path: Path) -> None:
    async with opened() as face:
        await see(face, lambda frame: not green_above(frame))
        await face.set_background("#00c83c")
        assert (await see(face, green_above)).rgba is None
        await face.set_background(Background("transparent"))
        frame = await see(face, lambda frame: frame.rgba is not None)
        assert frame.rgba is not None and frame.rgba.shape == (128, 128, 4)
        assert frame.rgba[8:24, 8:120].max() <= 6 and frame.rgba[40:120, 8:120, 3].min() >= 250
        for wrong in ("plaid", str(tmp_path / "nowhere.jpg")):
            with pytest.raises(AvatarError) as refused:
                await face.set_background(wrong)
            assert isinstance(refused.value, ImageError) or refused.value.code == "bad_background"
        await face.set_background("keep")
        await see(face, lambda frame: frame.rgba is None)


async def test_a_picture_is_sent_to_the_server_that_draws(fake_parts: Any, bot_server: Any, tmp_path: Path) -> None:
    made = io.BytesIO()
    Image.new("RGB", (3000, 2000), (0, 200, 60)).save(made, "PNG")
    path = tmp_path / "meadow.png"
    path.write_bytes(made.getvalue())
    with bot_server.bot_server() as server:
        async with server.connect(fake_parts.plain_parts(size=(128, 128))) as face:
            await see(face, lambda frame: True)
            await face.set_background(str(path))
            shown = server.sessions[0]._renderer.generator.background
            assert shown.kind == "picture" and shown.path is None
            assert Image.open(io.BytesIO(shown.data)).size == (1280, 853), "no larger than a call's pictures"
