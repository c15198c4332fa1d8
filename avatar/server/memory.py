"""Memory that is given back once a call has opened, and once it has ended: Python and the C library keep most of it.

Opening a call takes twice the memory that it needs from then on, in several threads, for each of which the C library
would have a heap of its own.
An ended call is held by circles of aiortc's objects until Python looks for circles, which it does the less often the
more objects there are; and what threads have freed stays with the C library's arenas. Together a server would stay near
the most it ever needed.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any, Final

HEAPS: Final = 2
"""That all threads share. They seldom wait for each other's: large pictures have memory of their own, and Python's
objects are not the C library's."""
_M_ARENA_MAX: Final = -8
"""Number of the option in glibc's malloc.h."""


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
            gc.unfreeze()  # what the start has left behind too
            gc.collect()
            gc.freeze()
            self._settled = True
        trim_heap()


def share_heaps() -> None:
    """Let all threads that begin from now on share a few heaps, where the C library would give each its own (glibc)."""
    if (choose := _glibc("mallopt")) is not None:
        choose(ctypes.c_int(_M_ARENA_MAX), ctypes.c_int(HEAPS))


def trim_heap() -> None:
    """Give freed memory back to the system, where the C library has a function for that (glibc)."""
    if (trim := _glibc("malloc_trim")) is not None:
        trim(ctypes.c_size_t(0))


def _glibc(name: str) -> Any:
    """Return a function of the C library, None where that is not glibc."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None
