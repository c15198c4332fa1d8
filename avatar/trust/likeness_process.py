"""Face recognition in a process of its own, beside which this one goes on.

The library holds the interpreter's lock for the tenth of a second that a face takes: in a thread of a server all calls
would stand still meanwhile. The process is started when it is first needed, and ends with its standard input, so none
is left behind by a server that was killed.

A question is five numbers (little-endian: rows and columns of a picture, and the box of its face in it) and the pixels;
the answer is the face's numbers.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Final

import numpy as np

from avatar.errors import TrustError
from avatar.trust.likeness import NUMBERS, Likeness, why_not_installed
from avatar.types import F32, U8

ANSWER_S: Final = 60.0
"""A process that has not answered by then is ended; the first question waits for the networks to be read."""
AROUND: Final = 0.6
"""Of the face's size: what is sent of the picture on each side of it. The network looks at a quarter."""
_QUESTION: Final = struct.Struct("<II4f")
_ANSWER_BYTES: Final = 4 * NUMBERS


class LikenessProcess:
    """Asks a process; see `FaceRecognition`. Calls from several threads are taken one at a time; they block."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        """Prepare; nothing is started yet. `command` is run in place of the networks.

        Raises:
            TrustError: face recognition is not installed.
        """
        if command is None and (reason := why_not_installed()) is not None:
            raise TrustError(reason, code="likeness_missing")
        self._command = command or (sys.executable, "-m", "avatar.trust.likeness_process")
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        """Return the (128,) unit vector of a face; see `FaceRecognition`."""
        question = _question(rgb, landmarks_px)
        with self._lock:
            if self._closed:
                raise TrustError("The face recognition is closed.", code="likeness_failed")
            process = self._running()
            watch = threading.Timer(ANSWER_S, process.kill)
            watch.daemon = True
            watch.start()
            try:
                answer = _ask(process, question)
            finally:
                watch.cancel()
            if len(answer) != _ANSWER_BYTES:
                self._end()
                raise TrustError("The face recognition ended unexpectedly. Try again.", code="likeness_failed")
        return np.frombuffer(answer, "<f4").astype(np.float32)

    def close(self) -> None:
        """End the process; waits for the answer that it is at work on."""
        with self._lock:
            self._closed = True
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own words alone
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                )
            except OSError as error:  # no memory, too many processes
                reason = error.strerror or error
                raise TrustError(f"The face recognition cannot start: {reason}.", code="likeness_failed") from error
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def _question(rgb: U8, landmarks_px: F32) -> bytes:
    """Return what is sent of a picture: the face, and some around it."""
    low, high = landmarks_px[:, :2].min(axis=0), landmarks_px[:, :2].max(axis=0)
    margin = AROUND * float((high - low).max())
    left, top = np.clip(np.floor(low - margin), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1]).astype(int)
    right, bottom = np.ceil(high + margin).astype(int)
    part = np.ascontiguousarray(rgb[top : max(bottom, top + 1), left : max(right, left + 1)])
    box = (low[0] - left, low[1] - top, high[0] - left, high[1] - top)
    return _QUESTION.pack(part.shape[0], part.shape[1], *box) + part.tobytes()


def _ask(process: subprocess.Popen[bytes], question: bytes) -> bytes:
    """Return the answer; shorter than one where the process has ended."""
    if process.stdin is None or process.stdout is None:
        return b""
    try:
        process.stdin.write(question)
        process.stdin.flush()
        return process.stdout.read(_ANSWER_BYTES)
    except OSError:
        return b""


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until there are no more questions. Raises TrustError where the networks cannot be read."""
    likeness = Likeness()
    while len(head := questions.read(_QUESTION.size)) == _QUESTION.size:
        rows, columns, *box = _QUESTION.unpack(head)
        pixels = questions.read(rows * columns * 3)
        if len(pixels) != rows * columns * 3:
            return
        rgb = np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3)
        answers.write(likeness.embed_in(rgb, *box).astype("<f4").tobytes())
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asks
    serve(sys.stdin.buffer, sys.stdout.buffer)
