"""Two avatars talk to each other, each hearing and watching the other, into one MP4.

python -m examples.two_avatars out.mp4 --faces mira kofi --lines hello.wav answer.wav
python -m examples.two_avatars out.mp4 --server http://localhost:8010    (drawn there; AVATAR_TOKEN, if it asks for one)
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar import AudioFrame, Avatar, SpeechFinished, SpeechStarted, VideoFrame
from avatar.conversation.tts import open_voice
from avatar.errors import AvatarError
from avatar.media.audio import SOUND_RATE, audio_blocks
from avatar.media.movie_writer import MovieWriter
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import BLENDSHAPE_INDEX, F32, U8

HELLO = (
    "Hello! I am glad that you are here. How was your day?",
    "It was a good day, thank you. I made new friends, and you are one of them.",
    "That is kind of you. Shall we talk again tomorrow?",
    "With pleasure. Until tomorrow!",
)
HEARD = 0.01
"""Loudness (root mean square of full scale) from which on a listener hears a voice."""
NOD_EVERY_S = 2.5
"""A listener nods after so much of the other's voice."""
PAUSE_S = 0.4
"""From the end of the other's turn to the answer."""
SEE_EVERY = 10
"""Sound frames from one look at the other's face to the next: three looks a second."""
ANSWERED_SMILE = 0.7
"""How much of a smile is smiled back: below 1, or two avatars would smile each other into a grimace."""

Eyes = Callable[[U8], float | None]
"""Sees how much the face in a picture, (height, width, 3), smiles, 0..1; None: no face. May block."""


@dataclass(frozen=True, slots=True)
class Line:
    """One turn: (n,) samples within -1..1."""

    samples: F32
    sample_rate: int


class FaceEyes:
    """Eyes that find a face by its landmarks."""

    def __init__(self) -> None:
        """Load the landmarker. Raises ModelError."""
        self._landmarker = FaceLandmarker(get_model("face_landmarker"), video=False)

    def __call__(self, picture: U8) -> float | None:
        """Return how much the face in a picture smiles."""
        faces = self._landmarker.detect(picture, 0.0)
        if not faces:
            return None
        corners = [BLENDSHAPE_INDEX[name] for name in ("mouthSmileLeft", "mouthSmileRight")]
        return float(np.mean(faces[0].blendshapes[corners]))


class Speaker:
    """One side of the conversation: says its lines, and reacts to what it hears and sees of the other."""

    def __init__(self, avatar: Avatar, lines: Sequence[Line], other_side: float, eyes: Eyes) -> None:
        """`other_side` is where the other is: -1 at the picture's left, 1 at its right."""
        self.avatar = avatar
        self.heard_s = 0.0
        """How much of the other's voice it has heard."""
        self.nods = 0
        self.smile = 0.0
        """How much it smiles back now."""
        self.picture: U8 = np.zeros((avatar.size[1], avatar.size[0], 3), np.uint8)
        self._lines = deque(lines)
        self._since_nod_s = 0.0
        self._answer_in_s: float | None = None
        self._saying: asyncio.Task[None] | None = None
        self._eyes = eyes
        self._looking: asyncio.Task[float | None] | None = None
        self._since_look = SEE_EVERY
        avatar.look_at(0.6 * other_side, 0.0)

    @property
    def done(self) -> bool:
        """Whether it has nothing to say, now or later."""
        return not self._lines and not self.avatar.speaking and (self._saying is None or self._saying.done())

    def speak(self) -> None:
        """Say the next line, if there is one."""
        self._answer_in_s = None
        if self._lines:
            self._saying = asyncio.create_task(self._say(self._lines.popleft()))

    async def frame(self) -> AudioFrame:
        """Take the next picture and return the sound that goes with it."""
        async for frame in self.avatar:
            if isinstance(frame, VideoFrame):
                self.picture = frame.rgb
            else:
                if self._saying is not None and self._saying.done():
                    self._saying.result()
                return frame
        raise RuntimeError("an avatar was closed in the middle of the conversation")

    def on_audio(self, frame: AudioFrame) -> None:
        """Listen to the other: attend to its voice, nod now and then, answer when its turn is over."""
        seconds = len(frame.samples) / frame.sample_rate
        if np.sqrt(np.mean((frame.samples / 32768.0) ** 2)) > HEARD:
            self.heard_s += seconds
            self._since_nod_s += seconds
        if self._since_nod_s >= NOD_EVERY_S:
            self._since_nod_s = 0.0
            self.nods += 1
            self.avatar.nod(0.6)
        if self._answer_in_s is not None:
            self._answer_in_s -= seconds
            if self._answer_in_s <= 0:
                self.speak()
        for event in frame.events:
            if isinstance(event, SpeechStarted):
                self.avatar.set_presence("listening")
            elif isinstance(event, SpeechFinished):
                self.avatar.set_presence("thinking" if self._lines else "idle")
                self._answer_in_s = PAUSE_S

    def on_picture(self, picture: U8) -> None:
        """See the other's picture: smile back at a smile. Looks now and then, in a thread; the call never waits."""
        if self._looking is not None and self._looking.done():
            smile, self._looking = self._looking.result(), None
            if smile is not None:
                self.smile = ANSWERED_SMILE * smile
                self.avatar.set_emotion("happy", self.smile)
        self._since_look += 1
        if self._looking is None and self._since_look >= SEE_EVERY:
            self._since_look = 0
            self._looking = asyncio.create_task(asyncio.to_thread(self._eyes, picture))

    async def aclose(self) -> None:
        """Stop pushing, and finish looking."""
        if self._saying is not None:
            self._saying.cancel()
        await asyncio.gather(*(task for task in (self._saying, self._looking) if task), return_exceptions=True)

    async def _say(self, line: Line) -> None:
        await self.avatar.push_audio(line.samples, line.sample_rate)
        await self.avatar.end_of_speech()


@asynccontextmanager
async def two_speakers(
    avatars: Sequence[Avatar], lines: Sequence[Line], eyes: Sequence[Eyes]
) -> AsyncIterator[tuple[Speaker, Speaker]]:
    """Open two avatars, give them the lines in turn, and each its eyes."""
    async with AsyncExitStack() as stack:
        left, right = [await stack.enter_async_context(avatar) for avatar in avatars]
        speakers = Speaker(left, lines[::2], 1.0, eyes[0]), Speaker(right, lines[1::2], -1.0, eyes[1])
        for speaker in speakers:
            stack.push_async_callback(speaker.aclose)
        yield speakers


async def converse(speakers: tuple[Speaker, Speaker]) -> AsyncIterator[tuple[U8, F32, float]]:
    """Let them talk; yield the picture of both, their sound (2, n), each on its side, and its time in seconds."""
    left, right = speakers
    left.speak()
    while not (left.done and right.done):
        of_left, of_right = await asyncio.gather(left.frame(), right.frame())
        left.on_audio(of_right)
        right.on_audio(of_left)
        left.on_picture(right.picture)
        right.on_picture(left.picture)
        ears = np.array([[0.8, 0.3], [0.3, 0.8]], np.float32) / 32768
        sound = np.clip(
            ears @ np.stack([of_left.samples, of_right.samples]).astype(np.float32), -1, 1, dtype=np.float32
        )
        yield np.hstack([left.picture, right.picture]), sound, of_left.time_s


def make_avatars(faces: Sequence[str], server: str | None) -> list[Avatar]:
    """Return the avatars, drawn here or by a server. Raises AvatarError where `server` will not do."""
    if server is None:
        return [Avatar.open(face, sample_rate=SOUND_RATE, seed=seed) for seed, face in enumerate(faces)]
    token = os.environ.get("AVATAR_TOKEN") or None
    return [
        Avatar.connect(server, face, token=token, sample_rate=SOUND_RATE, seed=seed) for seed, face in enumerate(faces)
    ]


async def film(out: Path, avatars: Sequence[Avatar], lines: Sequence[Line]) -> float:
    """Write the conversation; return how long it was in seconds."""
    time_s = 0.0
    async with two_speakers(avatars, lines, [FaceEyes(), FaceEyes()]) as speakers:
        speakers[0].avatar.direct("smile warmly")
        width, height = speakers[0].avatar.size
        with MovieWriter(out, (2 * width, height), speakers[0].avatar.fps, sound=True) as movie:
            async for picture, sound, time_s in converse(speakers):
                movie.picture(picture, time_s)
                movie.sound(sound.astype(np.float32), round(time_s * SOUND_RATE))
    return time_s


def spoken(text: str) -> Line:
    """Return a line said by the voice that is installed here."""
    voice = open_voice()
    samples = np.concatenate(list(voice.speak(text)))
    return Line(samples, voice.sample_rate)


def recorded(path: Path) -> Line:
    """Return a line from a sound file."""
    return Line(np.concatenate([block.mean(axis=0) for block in audio_blocks(path)]), SOUND_RATE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the MP4 to write")
    parser.add_argument("--faces", nargs=2, default=["mira", "kofi"], help="photos, .avatar files or built-in ids")
    parser.add_argument("--lines", nargs="+", type=Path, help="sound files, said in turn; default: a small talk")
    parser.add_argument("--server", help="let it draw both, such as https://host:8010; faces are ids of its own then")
    chosen = parser.parse_args(arguments)
    try:
        lines = [recorded(path) for path in chosen.lines] if chosen.lines else [spoken(text) for text in HELLO]
        seconds = asyncio.run(film(chosen.out, make_avatars(chosen.faces, chosen.server), lines))
    except AvatarError as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    print(f"{chosen.out}: {seconds:.1f} s of conversation")


if __name__ == "__main__":
    main()
