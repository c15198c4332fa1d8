"""A participant's own Opus packets, kept with the sound decoded from them: sent on as they came where nothing has
changed that sound.

With a camera that moves the avatar, its user's voice leaves as it came, only later. Encoding it a second time takes
half a millisecond a picture, holds it up by 6.5 ms, and loses some of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av

from avatar.timing.rtp_clock import AUDIO_RATE

BLOCK: Final = AUDIO_RATE // 50
"""Samples of the blocks that are sent: a packet of another length is cut, so it is encoded anew."""
BLOCKS_A_SECOND: Final = 50
MEMORY: Final = 0.1
"""Weight of the newest packet in the mean bit rate: a fifth of a second."""
OVER: Final = 1.25
"""What is being sent on may take so many times what is allowed, since packets differ; what is not, once that."""


@dataclass(frozen=True, slots=True)
class _Received:
    payload: bytes


def keep_payload(frame: av.AudioFrame, payload: bytes) -> None:
    """Keep a packet with the one frame that was decoded from it, unless it is of another length than a block."""
    if frame.samples == BLOCK:
        frame.opaque = _Received(payload)


def received_payload(frame: av.AudioFrame) -> bytes | None:
    """Return the packet that this very frame was decoded from; None where it is not known."""
    kept = frame.opaque
    return kept.payload if isinstance(kept, _Received) else None


class PassingRule:
    """Whether packets are sent on: while they take no more bits than the sound may."""

    def __init__(self) -> None:
        self._mean_bps = 0.0
        self._passing = True

    def allows(self, payload: bytes, most_bps: int) -> bool:
        """Return whether to send this packet on, the next one that came."""
        self._mean_bps += MEMORY * (8 * len(payload) * BLOCKS_A_SECOND - self._mean_bps)
        self._passing = self._mean_bps <= most_bps * (OVER if self._passing else 1.0)
        return self._passing
