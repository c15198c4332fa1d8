"""What the user says, as text: the protocol. By default nobody listens for words, and the avatar goes by the sound."""

from __future__ import annotations

from typing import Protocol

from avatar.types import F32


class Ears(Protocol):
    """Turns speech into text."""

    async def transcribe(self, samples: F32) -> str:
        """Return what is said in (n,) samples of one channel at 16 kHz, -1..1; empty where nothing is understood.

        Raises:
            ConversationError: it cannot be found out; the message says why.
        """
        ...
