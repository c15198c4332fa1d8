"""How often a receiver that asks for key frames gets one: a rule of requests and clock."""

from __future__ import annotations

from typing import Final

LEAST_BETWEEN_S: Final = 0.3
"""Receivers ask again until one has come (libwebrtc answers as often at most)."""
SENDING_TIMES: Final = 3.0
"""Key frames take at most a third of the line."""
LONGEST_BETWEEN_S: Final = 1.0


class KeyFrameRule:
    """Remembers requests, and puts them off while the last key frame is on its way."""

    def __init__(self) -> None:
        self._asked = False
        self._next_s = float("-inf")

    def ask(self) -> None:
        """Note a request."""
        self._asked = True

    def is_due(self, now_s: float) -> bool:
        """Return whether the picture that is encoded now has to be a key frame; the requests so far are done then."""
        due = self._asked and now_s >= self._next_s
        self._asked = self._asked and not due
        return due

    def sent(self, now_s: float, size: int, rate_bps: float) -> None:
        """Note a key frame of so many bytes, asked for or not."""
        between_s = max(LEAST_BETWEEN_S, SENDING_TIMES * 8 * size / rate_bps)
        self._asked = False
        self._next_s = now_s + min(between_s, LONGEST_BETWEEN_S)
