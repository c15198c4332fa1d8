"""Two avatars in one call take turns: each hears the other, listens meanwhile, and answers when it is over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from avatar.sdk import Avatar
from examples.two_avatars import Line, converse, two_speakers

pytestmark = pytest.mark.anyio

RATE = 48_000


async def test_two_avatars_take_turns_and_hear_each_other(fake_stage: Any) -> None:
    seconds = (3.0, 0.6, 0.4)
    lines = [Line(np.full(round(RATE * long), 0.5, np.float32), RATE) for long in seconds]
    louder = []
    async with two_speakers([Avatar(fake_stage.plain_stage) for _ in range(2)], lines) as speakers:
        async for picture, sound, time_s in converse(speakers):
            assert picture.shape == (32, 64, 3)
            levels = np.abs(sound).mean(axis=1)
            if levels.max() > 0.02:
                louder.append("right" if levels[1] > levels[0] else "left")
                light = picture[:, :32].mean(), picture[:, 32:].mean()
                if levels.max() > 0.35:
                    assert min(light) < 5 < max(light), f"both mouths, or none, moved at {time_s} s"
        left, right = speakers
    turns = [who for number, who in enumerate(louder) if number == 0 or who != louder[number - 1]]
    assert turns == ["left", "right", "left"]
    assert right.heard_s == pytest.approx(3.4, abs=0.1) and left.heard_s == pytest.approx(0.6, abs=0.1)
    assert right.nods == 1 and left.nods == 0
