"""Speech to text: the protocol. There is none by default; the avatar then knows only how long somebody spoke."""

from __future__ import annotations

from typing import Protocol

from avatar.types import F32


class SpeechToText(Protocol):
    """Turns speech into text."""

    async def transcribe(self, samples: F32) -> str:
        """Return what is said in (n,) samples of one channel at 16 kHz, -1..1; empty where nothing is understood.

        Raises:
            ConversationError: there is no transcription; the message says why.
        """
        ...
