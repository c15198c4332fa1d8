"""What the plug-ins' tests share: sound, and avatars whose pictures say what they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar.generator.identity import Identity
from avatar.generator.identity_file import write_identity
from avatar.sdk.avatar import Avatar
from avatar.sdk.renderer import LocalRenderer

RATE = 24_000


@pytest.fixture
def speech() -> Callable[[float], bytes]:
    """Make loud 16-bit sound at 24 kHz of so many seconds."""
    return lambda seconds: np.full(round(seconds * RATE), 12_000, np.int16).tobytes()


@pytest.fixture
def my_avatar(astronaut: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file `me.avatar` in the folder where the program runs."""
    monkeypatch.chdir(tmp_path)
    write_identity(astronaut, tmp_path / "me.avatar")
    return tmp_path / "me.avatar"


@pytest.fixture
def open_plain(fake_parts: Any) -> Callable[..., Callable[[int], Avatar]]:
    """Open an avatar with a plain renderer for a sound rate."""
    return lambda **how: lambda rate: Avatar(LocalRenderer(lambda: fake_parts.plain_parts(**how)), sample_rate=rate)
