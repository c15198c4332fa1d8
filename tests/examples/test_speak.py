"""The example of an avatar that says a recording ends where the recording cannot be read, and says why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from avatar.errors import MediaError
from avatar.sdk.avatar import Avatar
from avatar.sdk.renderer import LocalRenderer
from examples.speak import speak


def test_a_recording_that_is_not_there_ends_it(fake_parts: Any, tmp_path: Path) -> None:
    async def spoken() -> float:
        avatar = Avatar(LocalRenderer(fake_parts.plain_parts))
        async with asyncio.timeout(60):
            return await speak(avatar, tmp_path / "none.wav", tmp_path / "out.mp4", "nod")

    with pytest.raises(MediaError, match=r"none\.wav"):
        asyncio.run(spoken())
    assert not list(tmp_path.iterdir())
