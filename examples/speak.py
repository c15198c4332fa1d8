"""An avatar says a recording, with feeling, into an MP4.

python examples/speak.py voice.wav out.mp4 --face mira --direct "smile warmly and nod"
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avatar import AudioFrame, Avatar, SpeechFinished, VideoFrame
from avatar.errors import AvatarError, MediaError
from avatar.media.audio import SOUND_RATE, audio_blocks
from avatar.media.movie_writer import MovieWriter


async def speak(unopened: Avatar, voice: Path, out: Path, cue: str) -> float:
    """Write the movie of an avatar whose sound is at `SOUND_RATE`; return how many seconds were spoken.

    Raises AvatarError.
    """
    keep_recording(voice, out)
    async with unopened as avatar:
        with MovieWriter(out, avatar.size, avatar.fps, sound=True) as movie:
            avatar.direct(cue)
            pushing = asyncio.create_task(push(avatar, voice))
            async for frame in avatar:
                if pushing.done():
                    pushing.result()  # where the file cannot be read there is nothing to wait for
                if isinstance(frame, VideoFrame):
                    movie.picture(frame.rgb, frame.time_s)
                    continue
                write_sound(movie, frame)
                for event in frame.events:
                    if isinstance(event, SpeechFinished):
                        await pushing
                        return event.heard_ms / 1e3
    raise RuntimeError("the avatar was closed before it had finished")


def keep_recording(voice: Path, out: Path) -> None:
    """Raise MediaError where the movie would be written over the recording."""
    if out.exists() and voice.exists() and out.samefile(voice):
        raise MediaError(f"{out} is the recording itself: choose another name for the movie.")


async def push(avatar: Avatar, voice: Path) -> None:
    """Give the avatar a file's sound, as fast as it takes it."""
    for block in audio_blocks(voice):
        await avatar.push_audio(block, SOUND_RATE)
    await avatar.end_of_speech()


def write_sound(movie: MovieWriter, frame: AudioFrame) -> None:
    """Add a frame's sound to the movie, on both channels."""
    samples = frame.samples.astype(np.float32) / 32768
    movie.sound(np.stack([samples, samples]), round(frame.time_s * SOUND_RATE))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voice", type=Path, help="a sound file")
    parser.add_argument("out", type=Path, help="the MP4 to write")
    parser.add_argument("--face", default="mira", help="a photo, an .avatar file or a built-in face's id")
    parser.add_argument("--direct", default="smile warmly and nod", help="a stage direction in plain words")
    chosen = parser.parse_args(arguments)
    try:
        avatar = Avatar.open(chosen.face, sample_rate=SOUND_RATE)
        seconds = asyncio.run(speak(avatar, chosen.voice, chosen.out, chosen.direct))
    except AvatarError as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    print(f"{chosen.out}: {seconds:.1f} s of speech")


if __name__ == "__main__":
    main()
