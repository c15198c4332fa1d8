"""A program gets pictures without a background, and is told where a server has none to give."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar import Avatar, VideoFrame
from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError
from avatar.sdk.whip_client import asked_background

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_transparent_pictures_are_premultiplied_and_black_where_nobody_is(face_model: Path) -> None:
    picture = PictureSettings(128, 128, tier="geometry", background=Background("transparent"))
    async with Avatar.open("mira", picture=picture) as face:
        frame = await anext(face)
    assert isinstance(frame, VideoFrame) and frame.rgba is not None
    assert frame.rgba.shape == (128, 128, 4) and frame.rgb.shape == (128, 128, 3)
    assert frame.rgba[2, 2].tolist() == [0, 0, 0, 0] and frame.rgba[64, 64, 3] == 255
    assert frame.to_av().width == 128


async def test_a_server_is_asked_for_what_it_can_put_behind_an_avatar() -> None:
    assert asked_background(Background()) == {}
    assert asked_background(Background("blur")) == {"background": "blur"}
    assert asked_background(Background("colour", rgb=(1, 2, 255))) == {"background": "#0102ff"}
    for background in (Background("transparent"), Background("picture", path=Path("room.jpg"))):
        with pytest.raises(AvatarError, match="A server does not put") as refused:
            asked_background(background)
        assert refused.value.code == "bad_background"
