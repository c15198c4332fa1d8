"""When the mouth rests: nobody speaks, or only a murmur in the room, or what is heard is surely no voice.

Who pauses does not shut the lips at once: after a while of speech they rest late, and ease into it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from avatar.face.easing import smooth_step
from avatar.types import F32

SILENT: Final = (0.6, 0.95)
"""Probability of silence at which the mouth begins to rest, and at which it rests."""
SILENT_AFAR: Final = (0.1, 0.4)
"""The same for sound as far below the voice's level as a murmur in the background: it has to be plainly speech, and to
have been for a while."""
NEAR_DB, AFAR_DB = -4.0, -8.0
"""How loud the last syllables are beside the voice's usual ones when it is the voice, and when it is a murmur."""
VOICE_ACTIVITY: Final = (0.5, 0.9)
"""How likely a voice was in the likeliest of the last `LATELY` frames when it is music or noise, and the mouth rests,
and when it is a voice: a syllable is doubtful at its edges, not all through."""
LATELY: Final = 10
"""Frames of 10 ms in which a voice was heard lately."""
SPOKE: Final = (0.4, 0.8)
"""Share of the last quarter of a second that was speech, at which a pause begins to be taken for one in speech, and at
which it is: single notes of music that resemble a voice do not hold the mouth open."""
HOLD, EASE = 40, 20
"""Frames for which the mouth does not rest in a pause, and in which it then comes to rest. On 16 talking clips, each
person left out of what the opening is fitted to, real lips are followed with r 0.59 in place of 0.51, and no more
recorded sounds (17 of 68) move the mouth."""


class MouthRest:
    """Follows one voice; frame by frame (10 ms) the same whatever the pieces are."""

    def __init__(self) -> None:
        self._lately = deque([0.0], LATELY)
        self._held, self._held_for = 0.0, 0

    def push(self, silence: F32, speaking: F32, presence_db: F32) -> F32:
        """Return (n,) shares of its movement that the mouth makes: 0 at rest, 1 in speech.

        Args:
            silence: (n,), probability that nobody speaks.
            speaking: (n,), 0..1, the same the other way round, smooth.
            presence_db: (n,), loudness of the last syllables relative to the voice's usual one.
        """
        afar = 1 - smooth_step(presence_db, AFAR_DB, NEAR_DB)
        rests_afar = afar * smooth_step(np.maximum(silence, 1 - speaking), *SILENT_AFAR)
        moves = 1 - np.maximum(smooth_step(silence, *SILENT), rests_afar)
        moves = moves * smooth_step(self._likeliest(1 - silence), *VOICE_ACTIVITY)
        return np.asarray(np.maximum(moves, self._released(moves * smooth_step(speaking, *SPOKE))), np.float32)

    def _likeliest(self, voice: F32) -> F32:
        """Return the largest of the last `LATELY` of (n,) probabilities, frame by frame."""
        found = np.empty(len(voice), np.float32)
        for index, probability in enumerate(voice.tolist()):
            self._lately.append(probability)
            found[index] = max(self._lately)
        return found

    def _released(self, shares: F32) -> F32:
        """Return (n,) shares that rise at once, are held, and fall slowly."""
        found = np.empty(len(shares), np.float32)
        for index, share in enumerate(shares.tolist()):
            if share >= self._held:
                self._held, self._held_for = share, HOLD
            elif self._held_for > 0:
                self._held_for -= 1
            else:
                self._held = max(share, self._held - 1 / EASE)
            found[index] = self._held
        return found
