"""Intake of an avatar's speech: piece by piece, in the order it is brought, and no more than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from avatar.media.pcm import Pcm, mono_pcm_pieces
from avatar.sdk.speech_playout import SpeechPlayout
from avatar.timing.speech_events import PlaybackEvent

BUFFER_S: Final = 30.0
"""Sound that may wait to be spoken; `SpeechIntake.push` waits while there is more."""
PIECE_S: Final = 0.5
"""Sound is taken in pieces of this length, so that an hour at once needs no more room than a sentence."""


class SpeechIntake:
    """Brings speech to one playout. Use on one event loop."""

    def __init__(self, playout: SpeechPlayout, check_open: Callable[[], object]) -> None:
        """Bring speech to `playout` while `check_open` raises nothing."""
        self._playout, self._check_open = playout, check_open
        self._pushing = asyncio.Lock()
        self._room = asyncio.Event()
        """Set when there may be room for more sound, or no more will be taken."""
        self._interruptions = 0

    async def push(self, pcm: Pcm, sample_rate: int, utterance: str | None) -> None:
        """Queue sound, behind pushes that wait; returns when there was room, or an interruption has dropped it.

        Args:
            pcm, sample_rate: as `mono_pcm_pieces` takes them.
            utterance: names what is being said.

        Raises:
            SoundError: a type, shape or rate that is not taken; nothing was queued.
            AvatarError: what `check_open` raises, also while it waits.
        """
        self._check_open()
        pieces = mono_pcm_pieces(pcm, sample_rate, PIECE_S)
        interruptions = self._interruptions
        async with self._pushing:
            for piece in pieces:
                while self._has_to_wait() and self._interruptions == interruptions:
                    self._room.clear()
                    await self._room.wait()
                if self._interruptions != interruptions:
                    return
                self._check_open()
                self._playout.push(piece, sample_rate, utterance)

    async def end(self, utterance: str | None) -> None:
        """Note that an utterance is complete, behind pushes that wait; raises as `push`."""
        self._check_open()
        interruptions = self._interruptions
        async with self._pushing:
            if self._interruptions == interruptions or utterance is not None:
                self._check_open()
                self._playout.end(utterance)

    def interrupt(self, now_s: float) -> tuple[PlaybackEvent, ...]:
        """Drop what waits, here and in the playout, and return what that cut short."""
        self._interruptions += 1
        self.wake()
        return self._playout.interrupt(now_s)

    def wake(self) -> None:
        """Let pushes that wait look again: there may be room, or no more is taken."""
        self._room.set()

    def _has_to_wait(self) -> bool:
        self._check_open()
        return self._playout.waiting_s >= BUFFER_S
