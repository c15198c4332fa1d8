"""Pipecat plug-in: a video service between the speech and the transport that gives a bot a face.

    Pipeline([transport.input(), stt, user, llm, tts, AvatarVideoService("me.avatar"), transport.output(), assistant])

It takes the speech (`TTSAudioRawFrame`), gives it back in step with pictures (`OutputImageRawFrame`), holds each
`TTSStoppedFrame` until what it ends has been spoken, and is silent at once on an `InterruptionFrame`. When the avatar
cannot be opened, or fails, speech passes through as if it were not there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.config import PictureSettings
from avatar.errors import AvatarError, CueError, SoundError
from avatar.generator.identity import Identity
from avatar.integrations import require
from avatar.media.pcm import I16
from avatar.sdk.avatar import Avatar
from avatar.sdk.frames import AudioFrame, VideoFrame
from avatar.timing.speech_events import SpeechFinished, SpeechStarted

require("pipecat-ai", ((1, 14), 2), "pipecat")

from pipecat.frames.frames import (  # noqa: E402 - after the check of its version
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup  # noqa: E402
from pipecat.services.ai_service import AIService  # noqa: E402
from pipecat.services.settings import ServiceSettings  # noqa: E402
from pipecat.utils.types import NOT_GIVEN, NotGiven, is_given  # noqa: E402

LAST_WORDS_S: Final = 2.0
"""At the end of a pipeline the avatar may speak for this much longer than the sound that waits is long."""


@dataclass
class AvatarVideoSettings(ServiceSettings):
    """What can be changed while the pipeline runs, with a `ServiceUpdateSettingsFrame`."""

    emotion: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    """One of `avatar.motion.cues.EMOTIONS`; None: neutral."""
    strength: float | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    """0..1.4; None: 1."""


class AvatarVideoService(AIService):
    """Speaks a pipeline's speech with a face."""

    Settings = AvatarVideoSettings

    def __init__(
        self,
        face: str | Path | Identity = "mira",
        *,
        picture: PictureSettings | None = None,
        open_avatar: Callable[[int], Avatar] | None = None,
        settings: AvatarVideoSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare a service that opens its avatar when the pipeline starts.

        Args:
            face: an `.avatar` file, a photo, a built-in face's id or an identity.
            picture: size, rate and what draws it.
            open_avatar: returns the avatar for a sound rate, in place of the two above.
            settings: the feeling it begins with.
            **kwargs: of the frame processor.
        """
        chosen = AvatarVideoSettings(model=None, emotion=None, strength=None)
        if settings is not None:
            chosen.apply_update(settings)
        super().__init__(settings=chosen, **kwargs)
        self._open_avatar = open_avatar or (lambda rate: Avatar.open(face, picture=picture, sample_rate=rate))
        self._rate = 24_000
        self._avatar: Avatar | None = None
        self._live: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._speech_over = asyncio.Event()
        self._failed = False
        self._context_id: str | None = None
        self._held: deque[tuple[TTSStoppedFrame, FrameDirection]] = deque()

    @property
    def avatar(self) -> Avatar | None:
        """The avatar, to direct it: None before the pipeline starts, and when it has failed."""
        return None if self._failed else self._avatar

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Learn the pipeline's sound rate."""
        await super().setup(setup)
        self._rate = setup.audio_out_sample_rate or self._rate

    async def start(self, frame: StartFrame) -> None:
        """Open the avatar, while the pipeline goes on to start. May be called again."""
        await super().start(frame)
        if self._live is None:
            self._live = self.create_task(self._run_avatar())

    async def stop(self, frame: EndFrame) -> None:
        """Let the avatar say what waits, then close it."""
        await super().stop(frame)
        try:
            await self._finish_speaking()
        finally:
            await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """Close the avatar at once."""
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        """Close the avatar, if nothing has before."""
        await super().cleanup()
        await self._close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take speech; hold its ends; be silent when interrupted; pass on all else."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame) and await self._speak(frame):
            return
        if isinstance(frame, TTSStoppedFrame) and await self._hold(frame, direction):
            return
        with contextlib.suppress(AvatarError):  # reported where it failed; the frame goes on in any case
            self._follow_conversation(frame)
        await self.push_frame(frame, direction)

    def _follow_conversation(self, frame: Frame) -> None:
        """Let the avatar follow the conversation: interrupted, listening, thinking."""
        avatar = self._usable()
        if avatar is None:
            return
        if isinstance(frame, InterruptionFrame):
            self._held.clear()
            avatar.interrupt()
        elif isinstance(frame, UserStartedSpeakingFrame):
            avatar.set_presence("listening")
        elif isinstance(frame, UserStoppedSpeakingFrame):
            avatar.set_presence("thinking")

    async def _update_settings(self, delta: ServiceSettings) -> dict[str, Any]:
        changed: dict[str, Any] = await super()._update_settings(delta)
        if changed.keys() & {"emotion", "strength"}:
            await self._show_emotion()
        return changed

    def _usable(self) -> Avatar | None:
        return self._avatar if self._opened.is_set() and not self._failed else None

    async def _run_avatar(self) -> None:
        """Open the avatar and give out its frames until it closes or fails."""
        try:
            self._avatar = avatar = self._open_avatar(self._rate)
            await avatar.start()
            self._opened.set()
            await self._show_emotion()
            async for frame in avatar:
                await self._push_avatar_frame(frame)
        except Exception as error:  # the task's root: whatever it was, speech has to go on
            await self._fail(error)

    async def _push_avatar_frame(self, frame: VideoFrame | AudioFrame) -> None:
        if isinstance(frame, VideoFrame):
            height, width, _ = frame.rgb.shape
            image = OutputImageRawFrame(image=frame.rgb.tobytes(), size=(width, height), format="RGB")
            image.sync_with_audio = True
            await self.push_frame(image)
            return
        for event in frame.events:
            if isinstance(event, SpeechFinished):
                await self._release(event.label)
            elif isinstance(event, SpeechStarted):
                self._context_id = event.label
        if frame.spoken:
            await self._push_avatar_speech(frame.samples[: frame.spoken], frame.sample_rate)

    async def _push_avatar_speech(self, samples: I16, rate: int) -> None:
        await self.push_frame(TTSAudioRawFrame(samples.tobytes(), rate, 1, context_id=self._context_id))

    async def _speak(self, frame: TTSAudioRawFrame) -> bool:
        """Give speech to the avatar; return whether it took it."""
        await self._opened.wait()
        avatar = self._usable()
        if avatar is None:
            return False
        samples = np.frombuffer(frame.audio[: len(frame.audio) // 2 * 2], np.int16)
        channels = max(frame.num_channels, 1)
        planes = samples[: len(samples) // channels * channels].reshape(-1, channels).T
        try:
            await avatar.push_audio(planes, frame.sample_rate, utterance=frame.context_id)
        except SoundError as error:
            await self.push_error(error_msg=f"This speech has no face: {error}", exception=error)
            return False
        except AvatarError:  # reported where it failed
            return False
        return True

    async def _hold(self, frame: TTSStoppedFrame, direction: FrameDirection) -> bool:
        """Note the end of an utterance; return whether the frame has to wait until it was spoken."""
        avatar = self._usable()
        if avatar is None:
            return False
        try:
            await avatar.end_of_speech(utterance=frame.context_id)
            if not avatar.speaking:
                return False
        except AvatarError:  # reported where it failed
            return False
        self._held.append((frame, direction))
        return True

    async def _release(self, context_id: str | None) -> None:
        """Pass on the ends of what was spoken: up to this utterance's, or all when nothing more is to be said."""
        avatar = self._usable()
        silent = avatar is None or not avatar.speaking
        while self._held and (silent or any(frame.context_id == context_id for frame, _ in self._held)):
            frame, direction = self._held.popleft()
            await self.push_frame(frame, direction)
            if not silent and frame.context_id == context_id:
                break
        self._speech_over.set()

    async def _finish_speaking(self) -> None:
        avatar = self._usable()
        if avatar is None:
            return
        try:
            await avatar.end_of_speech()
            async with asyncio.timeout(avatar.waiting_s + LAST_WORDS_S):
                while avatar.speaking:
                    self._speech_over.clear()
                    await self._speech_over.wait()
        except (AvatarError, TimeoutError) as error:
            await self.push_error(error_msg=f"The avatar did not finish speaking: {error}", exception=error)

    async def _show_emotion(self) -> None:
        """Show the emotion of the settings."""
        avatar, settings = self._usable(), self._settings
        if avatar is None:
            return
        emotion = settings.emotion if is_given(settings.emotion) else None
        strength = settings.strength if is_given(settings.strength) else None
        try:
            avatar.set_emotion(emotion or "neutral", 1.0 if strength is None else strength)
        except CueError as error:
            await self.push_error(error_msg=str(error), exception=error)

    async def _fail(self, error: Exception) -> None:
        """Go on without a face: say what has not been said, and let through what comes."""
        avatar, self._failed = self._avatar, True
        self._opened.set()
        # Before anything that takes time: what is said or interrupted meanwhile comes after it.
        if avatar is not None and len(rest := avatar.unspoken()):
            await self._push_avatar_speech(rest, avatar.sample_rate)
        await self._release(None)
        await self.push_error(error_msg=f"Speech goes on without a face: {error}", exception=error)
        if avatar is not None:
            await avatar.aclose()

    async def _close(self) -> None:
        live, self._live = self._live, None
        avatar, self._failed = self._avatar, True
        self._opened.set()
        if avatar is not None:
            await avatar.aclose()
        if live is not None:
            await self.cancel_task(live)
