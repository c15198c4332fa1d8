"""What an avatar that is published says: a file's sound, a text, or a microphone as it comes."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from avatar.commands.terminal import say
from avatar.errors import MediaError

if TYPE_CHECKING:
    import av

    from avatar.config import ServerSettings
    from avatar.sdk.avatar import Avatar

PIECE: Final = 4800
"""Samples of sound that are handed to the avatar at once: a tenth of a second."""
MIC_WAITING: Final = 50
"""Pieces of a microphone that may wait for the avatar, one second; the oldest goes first."""


@contextmanager
def sound_file(args: argparse.Namespace, settings: ServerSettings) -> Iterator[Path | None]:
    """Give the file whose sound is spoken, one made of the text where there is a text; None where there is neither.

    Raises VoiceError.
    """
    if args.text is None:
        yield args.audio
        return
    from avatar.commands.say import write_speech  # noqa: PLC0415
    from avatar.conversation.tts import checked, open_voice  # noqa: PLC0415

    text = checked(args.text)
    with TemporaryDirectory(prefix="avatar-publish-") as folder:
        path = Path(folder) / "speech.wav"
        write_speech(open_voice(settings.conversation.tts), text, path)
        yield path


async def speak_file(avatar: Avatar, path: Path, *, loop: bool) -> None:
    """Hand a file's sound to the avatar, as fast as it takes it. Raises MediaError where there is none."""
    from avatar.media.audio import SOUND_RATE, audio_blocks  # noqa: PLC0415

    while True:
        samples = 0
        for block in audio_blocks(path):
            samples += block.shape[1]
            for begin in range(0, block.shape[1], PIECE):
                await avatar.push_audio(block[:, begin : begin + PIECE], SOUND_RATE)
        if not samples:
            raise MediaError(f"{path} has no sound.")
        if not loop:
            return
        await asyncio.sleep(0)  # a file of a few samples is taken many times before the avatar has enough


async def speak_microphone(avatar: Avatar, name: str | None) -> None:
    """Hand a microphone's sound to the avatar as it comes; what it has no time for is left out. Raises DeviceError."""
    async with _microphone(name) as heard:
        while True:
            frame = await heard.get()
            await avatar.push_audio(frame.to_ndarray().reshape(-1).astype("int16", copy=False), frame.sample_rate)


@asynccontextmanager
async def _microphone(name: str | None) -> AsyncIterator[asyncio.Queue[av.AudioFrame]]:
    """Give the pieces of a microphone, the newest of them."""
    from avatar.virtual_camera.microphone_input import MicrophoneReader  # noqa: PLC0415

    heard: asyncio.Queue[av.AudioFrame] = asyncio.Queue(MIC_WAITING)
    loop = asyncio.get_running_loop()

    def keep(frame: av.AudioFrame) -> None:
        if heard.full():
            heard.get_nowait()
        heard.put_nowait(frame)

    def push(frame: av.AudioFrame, _: float) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(keep, frame)

    def tell(state: str, why: str) -> None:
        if why:
            say(f"avatar: microphone {state}: {why}")

    reader = MicrophoneReader(name or None, push, tell)
    reader.start()
    try:
        yield heard
    finally:
        await asyncio.to_thread(reader.stop)
