"""Two avatars in one call take turns: each hears the other, listens meanwhile, and answers when it is over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from avatar.errors import ModelError
from avatar.sdk.avatar import Avatar
from avatar.sdk.renderer import LocalRenderer
from avatar.types import U8
from examples.two_avatars import ANSWERED_SMILE, FaceEyes, Line, converse, main, two_speakers

pytestmark = pytest.mark.slow

RATE = 48_000


@pytest.mark.anyio
async def test_two_avatars_take_turns_and_hear_each_other(fake_parts: Any) -> None:
    seconds = (3.0, 0.6, 0.4)
    lines = [Line(np.full(round(RATE * long), 0.5, np.float32), RATE) for long in seconds]
    louder = []

    def eyes(picture: U8) -> float | None:
        """See a smile in a light picture, and no face in a dark one."""
        return 0.9 if picture.mean() > 60 else None

    async with two_speakers(
        [Avatar(LocalRenderer(fake_parts.plain_parts)) for _ in range(2)], lines, [eyes, eyes]
    ) as speakers:
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
    assert right.smile == left.smile == pytest.approx(0.9 * ANSWERED_SMILE)


@pytest.mark.anyio
async def test_two_avatars_drawn_by_one_server_hear_and_see_each_other(bot_server: Any, fake_parts: Any) -> None:
    lines = [Line(np.full(round(RATE * long), 0.5, np.float32), RATE) for long in (1.5, 0.6, 0.4)]
    seen: list[list[float]] = [[], []]
    louder = []
    with bot_server.bot_server() as server:
        avatars = [server.connect(fake_parts.plain_parts(size=(128, 128))) for _ in range(2)]
        eyes = [lambda picture, mine=mine: mine.append(float(picture.mean())) for mine in seen]
        async with two_speakers(avatars, lines, eyes) as speakers:
            async for picture, sound, _ in converse(speakers):
                assert picture.shape == (128, 256, 3)
                levels = np.abs(sound).mean(axis=1)
                if levels.max() > 0.02:
                    louder.append("right" if levels[1] > levels[0] else "left")
            left, right = speakers
    turns = [who for number, who in enumerate(louder) if number == 0 or who != louder[number - 1]]
    assert turns == ["left", "right", "left"]
    assert right.heard_s == pytest.approx(1.9, abs=0.1), "the left one's sound, and none of its own"
    assert left.heard_s == pytest.approx(0.6, abs=0.1), "the right one's sound, and none of its own"
    assert all(max(lights) > min(lights) + 10 for lights in seen), "each saw the other's mouth open and shut"


def test_eyes_see_a_smile_and_know_when_nobody_is_there(photo: U8) -> None:
    try:
        eyes = FaceEyes()
    except ModelError as error:
        pytest.skip(f"no models and no network to pull them: {error}")
    smile = eyes(photo)
    assert smile is not None and smile > 0.3
    assert eyes(np.zeros_like(photo)) is None


def test_a_line_that_cannot_be_read_is_one_sentence() -> None:
    with pytest.raises(SystemExit, match=r"Cannot open none\.wav"):
        main(["out.mp4", "--lines", "none.wav"])
