"""An avatar that does what the face of a clip does, and is heard as the clip: frames in their time, to be published."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from avatar.config import PictureSettings
from avatar.generator.identity import Identity
from avatar.media.audio import SOUND_RATE, audio_blocks
from avatar.media.pcm import I16, to_mono_pcm
from avatar.media.video import probe_clip
from avatar.sdk.frames import AudioFrame, Frame, VideoFrame
from avatar.session.animation import animate
from avatar.types import F32, U8

LONGEST_LAG_S: Final = 0.5
"""Where drawing is later than that, everything after it is later too, rather than hurried."""


class ClipAvatar:
    """Gives out an avatar's frames as the clip goes on; once, or over and over."""

    def __init__(
        self,
        identity: Identity,
        clip: Path,
        picture: PictureSettings,
        *,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare. Raises MediaError where the clip has no picture.

        Args:
            identity: who is shown.
            clip: whose face moves it, and whose sound is heard.
            picture: size, rate and what draws it.
            loop: begin anew at the clip's end.
            clock, sleep: of time and asyncio.
        """
        self._sound_begins_s = probe_clip(clip).begin_s
        self._identity, self._clip, self._picture, self._loop = identity, clip, picture, loop
        self._clock, self._sleep = clock, sleep
        self.size = picture.width, picture.height

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield a picture and its sound in turn, each when it is due, from the clip's beginning. Raises MediaError."""
        fps, number = self._picture.fps, 0
        begin_s = self._clock()
        while True:
            drawn = self._draw()
            while (made := await asyncio.to_thread(next, drawn, None)) is not None:
                lag_s = self._clock() - begin_s - number / fps
                begin_s += lag_s if lag_s > LONGEST_LAG_S else 0.0
                await self._sleep(max(-lag_s, 0.0))
                rgb, samples = made
                yield VideoFrame(number / fps, rgb)
                yield AudioFrame(number / fps, samples, SOUND_RATE, len(samples))
                number += 1
            if not self._loop:
                return

    def _draw(self) -> Iterator[tuple[U8, I16]]:
        """Yield each picture with the sound of its time, as fast as they can be made."""
        fps = self._picture.fps
        sound = _Sound(audio_blocks(self._clip, begin_s=self._sound_begins_s))
        for number, frame in enumerate(animate(self._identity, self._clip, self._picture, fps=fps)):
            count = round((number + 1) * SOUND_RATE / fps) - round(number * SOUND_RATE / fps)
            yield frame.rgb, sound.take(count)


class _Sound:
    """A clip's sound, one channel, a piece at a time; silence once it is over."""

    def __init__(self, blocks: Iterator[F32]) -> None:
        self._blocks = blocks
        self._left: I16 = np.zeros(0, np.int16)

    def take(self, count: int) -> I16:
        while len(self._left) < count:
            block = next(self._blocks, None)
            piece = np.zeros(count, np.int16) if block is None else to_mono_pcm(block.mean(axis=0), SOUND_RATE)
            self._left = np.concatenate([self._left, piece])
        taken, self._left = self._left[:count], self._left[count:]
        return taken
