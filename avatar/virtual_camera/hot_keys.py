"""Keys of the terminal that direct the avatar while it is shown."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Verb: TypeAlias = Literal["face", "rest", "background", "mute", "feel", "help", "quit"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a key asks for."""

    verb: Verb
    words: str = ""
    """Of `feel`: the cue."""


FEELINGS: Final = (
    "smile warmly", "beam", "laugh", "look surprised", "look curious", "look doubtful", "look sad", "nod", "shake head",
)  # fmt: skip
"""What the keys 1 to 9 show."""
KEYS: Final[dict[str, Action]] = {
    "f": Action("face"),
    "r": Action("rest"),
    "b": Action("background"),
    "m": Action("mute"),
    "0": Action("feel", "neutral"),
    **{str(number): Action("feel", words) for number, words in enumerate(FEELINGS, start=1)},
    "?": Action("help"),
    "h": Action("help"),
    "q": Action("quit"),
}
HELP: Final = (
    "f next face, r take my resting face anew, b next background, m mute, q quit; "
    + ", ".join(f"{number} {words}" for number, words in enumerate(FEELINGS, start=1))
    + ", 0 neutral"
)
POLL_S: Final = 0.1


def action_of(key: str) -> Action | None:
    """Return what a key asks for, None where it asks for nothing."""
    return KEYS.get(key.lower())


@contextlib.contextmanager
def hot_keys(on_action: Callable[[Action], None]) -> Iterator[bool]:
    """Tell `on_action`, in a thread, what the keys of the terminal ask for; yield whether there is a terminal.

    The terminal is as it was again at the end, however that comes.
    """
    if not sys.stdin.isatty():
        yield False
        return
    stopping = threading.Event()
    keys = _windows_keys if sys.platform == "win32" else _posix_keys
    with _unbuffered():
        thread = threading.Thread(target=_listen, args=(keys, on_action, stopping), name="avatar-keys", daemon=True)
        thread.start()
        try:
            yield True
        finally:
            stopping.set()
            thread.join(10 * POLL_S)


def _listen(
    keys: Callable[[threading.Event], Iterator[str]], on_action: Callable[[Action], None], stopping: threading.Event
) -> None:
    for key in keys(stopping):
        action = action_of(key)
        if action is not None:
            on_action(action)


def _posix_keys(stopping: threading.Event) -> Iterator[str]:
    import select  # noqa: PLC0415 - of terminals on POSIX

    while not stopping.is_set():
        if select.select([sys.stdin], [], [], POLL_S)[0]:
            key = os.read(sys.stdin.fileno(), 1)
            if not key:
                return
            yield key.decode("ascii", "ignore")


def _windows_keys(stopping: threading.Event) -> Iterator[str]:
    msvcrt: Any = importlib.import_module("msvcrt")
    while not stopping.wait(POLL_S):
        while msvcrt.kbhit():
            yield str(msvcrt.getwch())


@contextlib.contextmanager
def _unbuffered() -> Iterator[None]:
    """Have the terminal hand on each key as it is pressed, and not show it; Ctrl-C stays what it is."""
    if sys.platform == "win32":
        yield
        return
    import termios  # noqa: PLC0415 - of terminals on POSIX
    import tty  # noqa: PLC0415

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
