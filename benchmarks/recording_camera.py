"""A virtual camera that keeps its pictures: a backend of pyvirtualcam's registry, where no device is needed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final

import numpy as np
import pyvirtualcam

from avatar.types import U8

BACKEND: Final = "recording"
PICTURES_KEPT: Final = 32


class RecordingCamera:
    """What `pyvirtualcam.Camera` opens; `opened` has those that are and were."""

    opened: ClassVar[list[RecordingCamera]] = []
    on_send: ClassVar[Callable[[RecordingCamera], None] | None] = None
    """Called with each picture, as a device that fails or is slow would do something of its own."""

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: Any) -> None:
        if device == "taken":
            raise RuntimeError("virtual camera output could not be started: device is busy")
        if (width, height) == (134, 134):
            raise RuntimeError("unsupported resolution")
        self.size, self.fps, self.name = (width, height), fps, device or "recording"
        self.fourcc = fourcc
        self.arrivals_s: list[float] = []
        self.pictures: deque[U8] = deque(maxlen=PICTURES_KEPT)
        self.closed = False
        RecordingCamera.opened.append(self)

    def send(self, frame: Any) -> None:
        """Keep a picture."""
        if RecordingCamera.on_send is not None:
            RecordingCamera.on_send(self)
        self.arrivals_s.append(time.monotonic())
        self.pictures.append(np.array(frame, np.uint8).reshape(self.size[1] * 3 // 2, self.size[0]))

    def close(self) -> None:
        """Note the end."""
        self.closed = True

    def device(self) -> str:
        """Return its name."""
        return self.name

    def native_fourcc(self) -> int:
        """Return the format that it takes."""
        return self.fourcc


def register() -> None:
    """Let pyvirtualcam know of it, as `BACKEND`."""
    pyvirtualcam.register_backend(BACKEND, RecordingCamera)
