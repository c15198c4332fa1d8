"""A listener that hears a voice's sound by itself, beside the network that moves the mouth."""

from __future__ import annotations

from typing import Protocol

from avatar.types import F32


class VoiceListener(Protocol):
    """What a tier that draws the mouth from sound needs of it. Any thread may ask."""

    samples: int
    """How much sound it takes at 16 kHz, up to `ahead_s` after the moment that it is asked about."""
    ahead_s: float
    """Seconds."""

    def listen(self, sound: F32) -> F32 | None:
        """Return what is heard in (samples,) around the moment, for `HeardVoice.states`; None: it cannot be told now.

        It never raises for want of a GPU's memory: the mouth is moved as in other tiers then.
        """
