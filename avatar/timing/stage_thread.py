"""A thread that works on one stage until the stage ends, and never dies without saying why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from avatar.errors import what_failed

JOIN_TIMEOUT_S: Final = 5.0
"""A stage that has not ended by then is left behind: its thread is a daemon's and holds nobody up."""


class StageThread:
    """`start` once, `join` any number of times, also without `start`; not from the thread itself."""

    def __init__(self, name: str, stage: Callable[[], None], on_failure: Callable[[str], None]) -> None:
        """Run `stage` in a thread named `avatar-{name}`; tell `on_failure`, in that thread, why it ended early."""
        self._stage, self._on_failure = stage, on_failure
        self._thread = threading.Thread(target=self._run, name=f"avatar-{name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, but not for ever. The stage has to be told to end before."""
        if self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._stage()
        except Exception as error:  # the thread's root: the reason must not die with it
            self._on_failure(what_failed(error))
