"""How a process is set up that holds calls: many threads, each of which must not wait for the others."""

from __future__ import annotations

import sys
from typing import Final

SWITCH_S: Final = 0.0005
"""How long one thread may go on while another waits for the interpreter: each picture goes through six threads, and at
Python's own 5 ms a busy machine makes it wait at each (17 % of the p95 of its latency)."""


def set_up_process() -> None:
    """Do it, before any other thread is there."""
    import cv2  # noqa: PLC0415

    from avatar.server.memory import share_heaps  # noqa: PLC0415

    sys.setswitchinterval(SWITCH_S)
    # Each stage of a call has a thread of its own, and calls run side by side: OpenCV's pool gains them nothing, and
    # its threads wait by asking again and again.
    cv2.setNumThreads(1)
    share_heaps()
