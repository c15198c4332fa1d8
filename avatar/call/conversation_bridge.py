"""A conversation inside a call: what the avatar says takes the place of the user's sound that otherwise goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import av

from avatar.conversation.conversation import BLOCK, Conversation
from avatar.conversation.events import Answered, Caption, ConversationEvent, Interrupted
from avatar.conversation.services import ConversationServices
from avatar.media.pcm import I16
from avatar.motion.presence import PresenceKind
from avatar.stream.page_reports import AnsweredMessage, CaptionMessage, ErrorMessage, InterruptedMessage, Report
from avatar.timing.rtp_clock import AUDIO_RATE, AUDIO_TIME_BASE


class SendAudio(Protocol):
    """Moves the avatar's mouth by a frame of sound, and sends that with its picture."""

    def __call__(self, frame: av.AudioFrame, arrival_s: float, /) -> float:
        """Take a frame that is whole at `arrival_s` (time.monotonic()); return how many seconds later it leaves."""
        ...


class ConversationBridge:
    """Joins a conversation to a call, from its making until `close`. Used on the event loop only."""

    def __init__(
        self,
        services: ConversationServices,
        *,
        send_audio: SendAudio,
        send: Callable[[Report], None],
        set_presence: Callable[[PresenceKind], None],
    ) -> None:
        """Begin to listen.

        Args:
            services: who speaks, thinks and listens.
            send_audio: lets the avatar's sound move the mouth and leave with its picture.
            send: sends a message over the data channel.
            set_presence: lets the avatar look as if it listens, thinks or speaks.
        """
        self._send_audio, self._send = send_audio, send
        self._pts: int | None = None
        """When the avatar's next sound is heard, on the clock of the user's, which it goes on with."""
        self._conversation = Conversation(
            services.tts,
            services.llm,
            services.stt,
            send=self._send_block,
            on_event=self._on_event,
            set_presence=set_presence,
            detector=services.detector,
        )
        set_presence("listening")
        self._running = asyncio.create_task(self._conversation.run(), name="avatar-conversation")

    def on_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Take a frame of the user's sound."""
        if self._pts is None:  # a leap in time would upset the browser's buffer
            self._pts = round((frame.pts or 0) * (frame.time_base or AUDIO_TIME_BASE) * AUDIO_RATE)
        self._conversation.on_audio(frame, arrival_s)

    async def close(self) -> None:
        """Fall silent. Idempotent."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._conversation.close()

    def _send_block(self, samples: I16, due_s: float) -> float:
        if self._pts is None:  # nobody has been heard yet, so there is nothing to answer
            return 0.0
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, self._pts, AUDIO_TIME_BASE
        self._pts += BLOCK
        return self._send_audio(frame, due_s)

    def _on_event(self, event: ConversationEvent) -> None:
        match event:
            case Caption():
                report: Report = CaptionMessage(
                    speaker=event.speaker,
                    text=event.text,
                    turn=event.turn,
                    seconds=round(event.seconds, 2),
                    unspoken=event.unspoken,
                )
            case Interrupted():
                report = InterruptedMessage(turn=event.turn, heard_ms=round(event.heard_ms, 1))
            case Answered():
                report = AnsweredMessage(turn=event.turn, stage_ms=event.stage_ms())
            case _:
                report = ErrorMessage(code=event.code, detail=event.message)
        self._send(report)
