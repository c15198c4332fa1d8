"""A program gets pictures without a background."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar import Avatar, VideoFrame
from avatar.config import Background, PictureSettings

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
