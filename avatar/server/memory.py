"""Memory that is given back once a call has ended: without being asked, Python and the C library keep most of it.

An ended call is held by circles of aiortc's objects until Python looks for circles, which it does the less often the
more objects there are; and what threads have freed stays with the C library's arenas. Together a server would stay near
the most it ever needed.
"""

from __future__ import annotations

import ctypes
import gc
import sys


class MemoryKeeper:
    """Gives memory back. For one server at a time, in a process of its own: what is alive at its first rest is taken
    to stay."""

    def __init__(self) -> None:
        self._settled = False

    def call_ended(self, others_running: bool) -> None:
        """Give back what calls have left behind. Blocks for milliseconds; the first time longer, when nobody is there.

        Looking through all that was ever imported holds every thread up for a tenth of a second, so it is done once,
        while no call is `others_running`, and what is found alive then is never looked at again.
        """
        if self._settled:
            gc.collect()
        elif not others_running:
            gc.collect()
            gc.freeze()
            self._settled = True
        trim_heap()


def trim_heap() -> None:
    """Give freed memory back to the system, where the C library has a function for that (glibc)."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(ctypes.c_size_t(0))
