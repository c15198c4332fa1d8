"""The command with a wall clock that jumps: an hour ahead at SIGUSR1, two hours back at SIGUSR2.

It is what a machine does whose clock is set by hand, or that wakes from sleep. The monotonic clock goes on, as it does
there. Code in C sees the true time.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Final

JUMPS_S: Final = {signal.SIGUSR1: 3_600.0, signal.SIGUSR2: -7_200.0}


def main() -> int:
    """Run the command."""
    jumped_s = 0.0
    true_time = time.time

    def jump(number: int, _: object) -> None:
        nonlocal jumped_s
        jumped_s += JUMPS_S[signal.Signals(number)]

    for number in JUMPS_S:
        signal.signal(number, jump)
    time.time = lambda: true_time() + jumped_s

    from avatar.commands.main import main as command  # noqa: PLC0415  (with the clock in place)

    return command()


if __name__ == "__main__":
    sys.exit(main())
