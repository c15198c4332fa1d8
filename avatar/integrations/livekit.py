"""LiveKit plug-in: a face for an agent, drawn in the agent's own process.

    face = AvatarSession("me.avatar")
    await face.start(session, room=ctx.room)
    await session.start(agent=..., room=ctx.room)

`AvatarVideoGenerator` is the seam to LiveKit's own `AvatarRunner`: speech in, pictures and speech in step out. When the
avatar fails, speech goes on without pictures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from avatar import __version__
from avatar.config import PictureSettings
from avatar.errors import AvatarError, SoundError
from avatar.generator.identity import Identity
from avatar.integrations import require
from avatar.media.colour import to_i420
from avatar.media.pcm import I16
from avatar.motion.presence import PresenceKind
from avatar.sdk.avatar import Avatar
from avatar.sdk.frames import Frame, VideoFrame
from avatar.timing.speech_events import SpeechFinished

require("livekit-agents", ((1, 8), 2), "livekit")

from livekit import rtc  # noqa: E402 - after the check of its version
from livekit.agents import Plugin  # noqa: E402
from livekit.agents.log import logger  # noqa: E402
from livekit.agents.voice import AgentSession, AgentStateChangedEvent  # noqa: E402
from livekit.agents.voice.avatar import (  # noqa: E402
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    QueueAudioOutput,
    VideoGenerator,
)
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession  # noqa: E402

SAMPLE_RATE: Final = 24_000
"""Of the sound between agent and avatar: what most voices speak at."""
MOST_FACELESS: Final = 256
"""Frames that may wait once the avatar has failed."""
PRESENCES: Final[dict[str, PresenceKind]] = {"listening": "listening", "thinking": "thinking"}
"""Of an agent's states; in all others the avatar is idle, and speaks when there is speech."""

_Output: TypeAlias = rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd


class AvatarVideoGenerator(VideoGenerator):
    """An open avatar as LiveKit's runner drives it."""

    def __init__(self, avatar: Avatar) -> None:
        """Drive an avatar that is open."""
        self._avatar = avatar
        self._failed = False
        self._faceless: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue(MOST_FACELESS)

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Take speech, or note that an utterance is complete; waits while too much waits to be spoken."""
        try:
            if self._failed:
                await self._faceless.put(frame)
            elif isinstance(frame, AudioSegmentEnd):
                await self._avatar.end_of_speech()
            else:
                planes = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels).T
                await self._avatar.push_audio(planes, frame.sample_rate)
        except SoundError as error:
            logger.error("this speech is not spoken: %s", error)
        except AvatarError:  # reported where it failed
            await self._faceless.put(frame)

    def clear_buffer(self) -> None:
        """Interrupt the avatar: it is silent at once."""
        while not self._faceless.empty():
            self._faceless.get_nowait()
        if not self._failed:
            try:
                self._avatar.interrupt()
            except AvatarError:  # reported where it failed, or closed: silent in any case
                self._avatar.unspoken()

    def __aiter__(self) -> AsyncIterator[_Output]:
        return self._outputs()

    async def _outputs(self) -> AsyncIterator[_Output]:
        if not self._failed:
            try:
                async for frame in self._avatar:
                    for output in _translated(frame):
                        yield output
                return
            except AvatarError as error:
                logger.error("speech goes on without a face: %s", error)
            self._failed = True
            rest = self._avatar.unspoken()
            if len(rest):
                yield _audio_frame(rest, self._avatar.sample_rate)
            yield AudioSegmentEnd()  # its marker may be lost with it, and the turn must not hang on that
        while True:
            yield await self._faceless.get()


class AvatarSession(BaseAvatarSession[Any]):
    """Gives an agent's session a face, published in its room by the agent itself."""

    def __init__(
        self,
        face: str | Path | Identity = "mira",
        *,
        picture: PictureSettings | None = None,
        open_avatar: Callable[[int], Avatar] | None = None,
    ) -> None:
        """Prepare a face that is opened by `start`.

        Args:
            face: an `.avatar` file, a photo, a built-in face's id or an identity.
            picture: size, rate and what draws it.
            open_avatar: returns the avatar for a sound rate, in place of the two above.
        """
        super().__init__()
        self._open_avatar = open_avatar or (lambda rate: Avatar.open(face, picture=picture, sample_rate=rate))
        self._avatar: Avatar | None = None
        self._runner: AvatarRunner | None = None
        self._follows: AgentSession | None = None

    @property
    def avatar_identity(self) -> str:
        """The participant that shows the avatar: the agent's own."""
        return "" if self._room is None else str(self._room.local_participant.identity)

    @property
    def provider(self) -> str:
        """Who makes the avatar."""
        return "avatar"

    @property
    def avatar(self) -> Avatar | None:
        """The avatar, to direct it: None before `start` and after `aclose`."""
        return self._avatar

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:
        """Open the avatar and let the agent speak with it. Call it before the agent's session starts.

        Raises:
            AvatarError: the face or a model cannot be used, or it was started before.
        """
        if self._avatar is not None:
            raise AvatarError("This avatar's session was started before: make another for another session.")
        avatar = self._open_avatar(SAMPLE_RATE)
        await avatar.start()
        self._avatar = avatar
        await super().start(agent_session, room)
        width, height = avatar.size
        sound = QueueAudioOutput(sample_rate=SAMPLE_RATE, wait_playback_start=True)
        options = AvatarOptions(
            video_width=width,
            video_height=height,
            video_fps=avatar.fps,
            audio_sample_rate=SAMPLE_RATE,
            audio_channels=1,
        )
        self._runner = AvatarRunner(room, audio_recv=sound, video_gen=AvatarVideoGenerator(avatar), options=options)
        await self._runner.start()
        self._follows = agent_session
        agent_session.on("agent_state_changed", self._follow)
        agent_session.output.replace_audio_tail(sound)

    async def aclose(self) -> None:
        """Close the avatar and stop publishing it. May be called again."""
        follows, self._follows = self._follows, None
        if follows is not None:
            follows.off("agent_state_changed", self._follow)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.aclose()
        avatar, self._avatar = self._avatar, None
        if avatar is not None:
            await avatar.aclose()
        # The base class would remove its participant from the room: here that is the agent's own.
        self._room = None
        await super().aclose()

    def _follow(self, event: AgentStateChangedEvent) -> None:
        if self._avatar is None:
            return
        try:
            self._avatar.set_presence(PRESENCES.get(event.new_state, "idle"))
        except AvatarError as error:  # it has failed: speech goes on without it
            logger.debug("the avatar does not follow: %s", error)


class AvatarPlugin(Plugin):
    """Tells LiveKit that this plug-in is there."""

    def __init__(self) -> None:
        super().__init__(__name__, __version__, "avatar", logger)


Plugin.register_plugin(AvatarPlugin())


def _translated(frame: Frame) -> list[_Output]:
    """Return a frame as LiveKit's: silence is not sent, an utterance that was heard out ends its segment."""
    if isinstance(frame, VideoFrame):
        height, width = (side & ~1 for side in frame.rgb.shape[:2])
        return [rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, to_i420(frame.rgb).tobytes())]
    ended: list[_Output] = [AudioSegmentEnd() for event in frame.events if isinstance(event, SpeechFinished)]
    spoken = [_audio_frame(frame.samples[: frame.spoken], frame.sample_rate)] if frame.spoken else []
    return ended + spoken


def _audio_frame(samples: I16, rate: int) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))
