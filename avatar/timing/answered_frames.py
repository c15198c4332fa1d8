"""Which camera frame a picture answers that comes back from a server: by the RTP timestamps of both, and no clock.

A server stamps a picture with the time of the camera frame that it shows, so the two timestamps differ by a constant,
but for what the network changes from frame to frame. The server names some pairs; the others follow from them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from avatar.timing.rtp_clock import VIDEO_RATE, wrapped
from avatar.types import CaptureStamp

FRAMES_KEPT: Final = 256
FARTHEST: Final = VIDEO_RATE // 10
"""A frame farther from where it should be is not the one, ticks: a tenth of a second."""
_HALF: Final = 1 << 31


class AnsweredFrames:
    """The camera frames of one call that were sent. For one thread."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, CaptureStamp] = OrderedDict()
        self._apart: int | None = None

    def sent(self, rtp_time: int, capture: CaptureStamp) -> None:
        """Note a camera frame and the timestamp (32 bits) that it left with."""
        self._sent[rtp_time] = capture
        while len(self._sent) > FRAMES_KEPT:
            self._sent.popitem(last=False)

    def pair(self, camera_rtp: int, picture_rtp: int) -> None:
        """Note which picture answers which camera frame, as the server says."""
        self._apart = wrapped(picture_rtp - camera_rtp)

    def answered_by(self, picture_rtp: int) -> CaptureStamp | None:
        """Return the stamp of the frame that a picture answers; None while it is not known."""
        if self._apart is None or not self._sent:
            return None
        wanted = wrapped(picture_rtp - self._apart)
        nearest = min(self._sent, key=lambda rtp_time: _apart(rtp_time, wanted))
        return self._sent[nearest] if _apart(nearest, wanted) <= FARTHEST else None


def _apart(one: int, other: int) -> int:
    """Return how many ticks two timestamps are apart, either way round."""
    return abs(wrapped(one - other + _HALF) - _HALF)
