"""Levels of a stream of audio: the voice's usual level, the room's noise floor, and voice activity by loudness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.types import F32

FIRST_VOICE_DB: Final = -28.0
"""The voice's level before there was any."""
VOICE_RANGE_DB: Final = (-48.0, -6.0)
RISE: Final = 0.08
"""Share of the way to a louder frame that the voice's level goes: 0.12 s."""
FALL_DB: Final = 0.02
"""How fast the voice's level falls while somebody speaks more quietly: 2 dB a second."""
VOICE_DEPTH_DB: Final = 22.0
"""Frames further below the voice's level say nothing about it."""
FIRST_ROOM_DB: Final = -60.0
ROOM_RISE_DB: Final = 0.03
"""How fast the room's level rises: 3 dB a second. It falls at once."""
ACTIVE_OVER_ROOM_DB: Final = 9.0
LEAST_ACTIVE_DB: Final = -55.0
PRESENCE_FALL_DB: Final = 0.12
"""How fast presence fades after a syllable: 12 dB a second."""
FIRST_USUAL_DB: Final = -38.0
USUAL_FALL_DB: Final = 0.004
"""How fast the level presence is measured by falls: 0.4 dB a second, so that a murmur does not become the voice soon.
It starts low, so that a quiet voice is not taken for a murmur."""
HANG_FRAMES: Final = 20
"""A voice is held to go on for this many frames (10 ms each) after its last loud one."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of n frames."""

    voice_db: F32
    """(n,), level of the voice's loud frames, dB below full scale: changes slowly."""
    active: F32
    """(n,), 1 while somebody speaks, else 0; holds on for `HANG_FRAMES`."""
    presence_db: F32
    """(n,), loudness of the last syllables relative to what the voice's usually are: about 0 while it speaks, far below
    in pauses and in a murmur."""
    loud: F32
    """(n,), 1 in the frames that are louder than the room, else 0."""


class VoiceLevels:
    """Follows one stream's levels; frame by frame the same whatever the pieces are."""

    def __init__(self) -> None:
        self._voice_db, self._room_db = FIRST_VOICE_DB, FIRST_ROOM_DB
        self._since_loud = HANG_FRAMES
        self._usual_db, self._syllable_db = FIRST_USUAL_DB, -100.0

    def push(self, level_db: F32) -> Levels:
        """Take (n,) frame levels in dB below full scale."""
        voice = np.empty(len(level_db), np.float32)
        active = np.empty(len(level_db), np.float32)
        presence = np.empty(len(level_db), np.float32)
        louds = np.empty(len(level_db), np.float32)
        for index, level in enumerate(level_db.tolist()):
            self._room_db = min(self._room_db + ROOM_RISE_DB, max(level, -90.0))
            loud = level > max(self._room_db + ACTIVE_OVER_ROOM_DB, LEAST_ACTIVE_DB)
            self._since_loud = 0 if loud else self._since_loud + 1
            if loud and level > self._voice_db:
                self._voice_db += RISE * (level - self._voice_db)
            elif loud and level > self._voice_db - VOICE_DEPTH_DB:
                self._voice_db -= FALL_DB
            self._voice_db = min(max(self._voice_db, VOICE_RANGE_DB[0]), VOICE_RANGE_DB[1])
            if loud and level > self._usual_db:
                self._usual_db += RISE * (level - self._usual_db)
            else:
                self._usual_db = max(self._usual_db - USUAL_FALL_DB, VOICE_RANGE_DB[0])
            self._syllable_db = max(level, self._syllable_db - PRESENCE_FALL_DB, -100.0)
            voice[index] = self._voice_db
            presence[index] = self._syllable_db - self._usual_db
            active[index], louds[index] = self._since_loud < HANG_FRAMES, loud
        return Levels(voice, active, presence, louds)
