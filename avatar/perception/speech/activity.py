"""How loud a voice usually is here, how loud the room is, and whether somebody speaks now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.types import F32

FIRST_VOICE_DB: Final = -28.0
"""How loud a voice is thought to be before it was heard."""
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
HANG_FRAMES: Final = 20
"""A voice is held to go on for this many frames (10 ms each) after its last loud one."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is known of the sound, frame by frame."""

    voice_db: F32
    """(n,), level of the voice's loud frames, dB below full scale: changes slowly."""
    active: F32
    """(n,), 1 while somebody speaks, else 0; holds on for `HANG_FRAMES`."""
    loud: F32
    """(n,), 1 in the frames that are louder than the room, else 0."""


class VoiceLevels:
    """Follows one stream's levels; frame by frame the same whatever the pieces are."""

    def __init__(self) -> None:
        self._voice_db, self._room_db = FIRST_VOICE_DB, FIRST_ROOM_DB
        self._since_loud = HANG_FRAMES

    def push(self, level_db: F32) -> Levels:
        """Take (n,) frame levels in dB below full scale."""
        voice = np.empty(len(level_db), np.float32)
        active = np.empty(len(level_db), np.float32)
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
            voice[index] = self._voice_db
            active[index], louds[index] = self._since_loud < HANG_FRAMES, loud
        return Levels(voice, active, louds)
