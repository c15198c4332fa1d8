"""A replica starts at a low priority and takes calls at the normal one: who starts takes no time from calls that run.

Ray runs its workers at niceness 15 unless it is told otherwise (`RAY_worker_niceness`), so that its own processes come
first: calls would give way to everything else on the machine. A process may only make itself less important, unless
the system lets it (root, or RLIMIT_NICE): where it does not, replicas run at the normal priority from the beginning.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Final

VARIABLE: Final = "RAY_worker_niceness"
"""Read by Ray when its first process is started."""
STARTING: Final = 5
"""How much less important a replica is that starts: a third of the processor time beside one that takes calls. At 10,
a tenth, it was not ready after a minute on two busy cores."""
HIGHEST: Final = 19
_TASKS: Final = Path("/proc/self/task")


def niceness() -> int:
    """Return how unimportant this thread is, -20 to 19."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def starting_niceness() -> int:
    """Return what workers are to begin with, relative to this process: 0 where they could not become normal again."""
    return STARTING if may_rise() and niceness() + STARTING <= HIGHEST else 0


def may_rise() -> bool:
    """Tell whether this process may make itself more important again. Tried in a thread of its own: on Linux each
    thread has a niceness.
    """
    if not sys.platform.startswith("linux"):
        return False
    allowed: list[bool] = []

    def attempt() -> None:
        before = niceness()
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(before + 1, HIGHEST))
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), before)
        except OSError:
            return
        allowed.append(before < HIGHEST)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return bool(allowed) and allowed[0]


def take_niceness(wanted: int) -> bool:
    """Give every thread of this process a niceness; return whether all have it."""
    numbers = [int(task.name) for task in _TASKS.iterdir()] if _TASKS.is_dir() else [0]
    try:
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.setpriority(os.PRIO_PROCESS, number, wanted)
    except OSError:
        return niceness() <= wanted
    return True
