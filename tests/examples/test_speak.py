"""The example of an avatar that says a recording ends where the recording cannot be read, and says why."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar.errors import CueError, MediaError
from avatar.media.pcm import wav_bytes
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


def test_a_direction_that_nobody_understands_ends_it_alone(
    fake_parts: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voice = tmp_path / "voice.wav"
    voice.write_bytes(wav_bytes(np.full(16_000, 500, np.int16), 16_000))

    async def spoken(out: Path, cue: str) -> float:
        return await speak(Avatar(LocalRenderer(fake_parts.plain_parts)), voice, out, cue)

    with pytest.raises(CueError, match="'dance'"):
        asyncio.run(spoken(tmp_path / "out.mp4", "dance"))
    with pytest.raises(MediaError, match="the recording itself"):
        asyncio.run(spoken(voice, "nod"))
    gc.collect()  # a task whose error nobody took says so when it is let go
    assert not caplog.records and list(tmp_path.iterdir()) == [voice]
