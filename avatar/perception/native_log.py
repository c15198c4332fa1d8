"""Keeps MediaPipe's start-up log lines off stderr; whatever else is written there meanwhile still arrives."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Final

_CHATTER: Final = re.compile(
    rb"^(WARNING: Logging before InitGoogle\(\)"
    rb"|INFO: Created TensorFlow Lite XNNPACK delegate"
    rb"|W0000 .*(face_landmarker_graph|inference_feedback_manager)\.cc)"
)
"""What MediaPipe 1.2 says each time a model is loaded. It heeds no setting that would turn this off."""

_STDERR: Final = 2
_one_at_a_time: Final = threading.Lock()
"""File descriptors belong to the whole process."""


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hold stderr back while a model is loaded, then pass on every line that is not chatter.

    Keep what runs inside short: it is the whole process's stderr that waits.
    """
    with _one_at_a_time, contextlib.ExitStack() as stack:
        try:
            kept = stack.enter_context(_memory_file())
            terminal = os.dup(_STDERR)
        except OSError:  # a full temporary folder; a process without stderr, which has nothing to keep clean
            yield
            return
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(terminal, _STDERR)
            kept.seek(0)
            for line in kept:
                if not _CHATTER.match(line):
                    os.write(terminal, line)
            os.close(terminal)


def _memory_file() -> IO[bytes]:
    """Return a file that takes no disk where the system has such a thing, else a temporary one."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("avatar-native-log"), "w+b")
    return tempfile.TemporaryFile()
