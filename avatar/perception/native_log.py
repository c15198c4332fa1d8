"""Keeps MediaPipe's start-up chatter off the terminal; whatever else is written to stderr meanwhile still arrives."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_CHATTER: Final = re.compile(
    rb"^(WARNING: Logging before InitGoogle\(\)"
    rb"|INFO: Created TensorFlow Lite XNNPACK delegate"
    rb"|W0000 .*(face_landmarker_graph|inference_feedback_manager)\.cc)"
)
"""What MediaPipe 1.2 says each time a model is loaded. It heeds no setting that would turn this off."""

_STDERR: Final = 2
_one_at_a_time: Final = threading.Lock()
"""File descriptors belong to the whole process."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hold stderr back while a model is loaded, then pass on every line that is not chatter.

    Keep what runs inside short: it is the whole process's stderr that waits.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as kept:
        try:
            terminal = os.dup(_STDERR)
        except OSError:  # a process without stderr has nothing to keep clean
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
