"""A thread that keeps a device in use: where it is unplugged or taken it says so once, and tries again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from avatar.errors import what_failed
from avatar.timing.stage_thread import StageThread

DeviceState: TypeAlias = Literal["working", "lost"]

FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 5.0


def retry_in_s(failures: int) -> float:
    """Return how long to wait before a device is tried again after so many failures in a row, seconds."""
    return float(min(FIRST_RETRY_S * 2 ** max(failures - 1, 0), LONGEST_RETRY_S))


class DeviceThread:
    """Runs `use` until it is stopped, again and again where the device fails. `start` and `stop` once each."""

    def __init__(
        self,
        name: str,
        use: Callable[[DeviceThread], None],
        on_state: Callable[[DeviceState, str], None],
        *,
        retry_after: Callable[[int], float] = retry_in_s,
    ) -> None:
        """Prepare.

        Args:
            name: of the thread.
            use: opens the device, uses it while `stopping` is not set, calls `works` once it gives something, and
                raises DeviceError when it is gone.
            on_state: is told in the thread when the device begins to work, and when it is lost, with the reason.
            retry_after: gives the seconds to wait after so many failures in a row.
        """
        self._use, self._on_state, self._retry_after = use, on_state, retry_after
        self.stopping = threading.Event()
        self._failures = 0
        self._state: DeviceState | None = None
        self._thread = StageThread(name, self._run, lambda why: on_state("lost", why))

    def start(self) -> None:
        """Begin to use the device."""
        self._thread.start()

    def works(self) -> None:
        """Say that the device gives something; from within `use`."""
        self._failures = 0
        self._tell("working", "")

    def stop(self) -> None:
        """End the thread. A device that does not answer is left behind: its thread is a daemon's."""
        self.stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._use(self)
            except Exception as error:  # the thread's root: whatever a driver stumbles over, it is tried again
                self._failures += 1
                self._tell("lost", what_failed(error))
                self.stopping.wait(self._retry_after(self._failures))

    def _tell(self, state: DeviceState, why: str) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state, why)
