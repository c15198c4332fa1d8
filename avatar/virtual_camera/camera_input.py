"""The cameras of this machine, read by FFmpeg's inputs: v4l2 (Linux), AVFoundation (macOS), DirectShow (Windows)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import av

from avatar.errors import DeviceError
from avatar.timing.rtp_clock import video_ticks, wrapped
from avatar.types import CaptureStamp
from avatar.virtual_camera.device_thread import DeviceState, DeviceThread

FORMATS: Final[Mapping[str, str]] = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's input of cameras by `sys.platform`."""
CAMERA_SIZE: Final = (640, 480)
"""What a camera is asked for: a face is followed no better in more pixels."""
CAMERA_FPS: Final = 30

PushCamera = Callable[[av.VideoFrame, CaptureStamp], None]


@dataclass(frozen=True, slots=True)
class CameraInput:
    """One camera, or whatever else FFmpeg reads as one."""

    name: str
    """For people to read."""
    format: str
    """FFmpeg's name of the input."""
    address: str
    """What that input calls it."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What it is asked for; where it cannot, it is opened as it is."""


def list_cameras(system: str = sys.platform) -> list[CameraInput]:
    """Return the cameras of this machine; none where the system is unknown or its input was not built in."""
    try:
        found = av.enumerate_input_devices(FORMATS[system])
    except (KeyError, ValueError, av.FFmpegError):
        return []
    seen = [one for one in found if not one.media_types or "video" in one.media_types]
    return [_input_of(system, one.name, one.description) for one in seen]


def find_camera(wanted: str | None, cameras: list[CameraInput], system: str = sys.platform) -> CameraInput:
    """Return the camera that a number, a part of its name or its address names; None: the first one.

    A device file is taken though it is not listed.

    Raises:
        DeviceError: there is none, or none of that name.
    """
    if wanted is not None and system == "linux" and wanted.startswith("/dev/"):
        return _input_of(system, wanted, wanted)
    if not cameras:
        raise DeviceError(
            "No camera was found on this machine. Plug one in, let this program use it in the system's privacy "
            "settings, or drive the avatar by --mic or --clip FILE."
        )
    if wanted is None:
        return cameras[0]
    if wanted.isdecimal() and int(wanted) < len(cameras):
        return cameras[int(wanted)]
    for camera in cameras:
        if wanted == camera.address or wanted.lower() in camera.name.lower():
            return camera
    names = ", ".join(f"{number}: {camera.name}" for number, camera in enumerate(cameras))
    raise DeviceError(f"There is no camera {wanted!r}. There are {names}.")


class CameraReader:
    """Reads one camera in a thread, and hands each picture on as it comes. `start` and `stop` once each."""

    def __init__(self, camera: CameraInput, push: PushCamera, on_state: Callable[[DeviceState, str], None]) -> None:
        """Prepare to read.

        Args:
            camera: which one.
            push: takes each picture with its stamp, in the thread; must not block.
            on_state: is told when pictures come, and when they come no longer, with the reason.
        """
        self._camera, self._push = camera, push
        self._thread = DeviceThread("camera", self._read, on_state)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let go of the camera."""
        self._thread.stop()

    def _read(self, thread: DeviceThread) -> None:
        with _opened(self._camera) as container:
            try:
                for packet in container.demux(video=0):
                    if thread.stopping.is_set():
                        return
                    arrival_s = time.monotonic()
                    for frame in _decoded(packet):
                        thread.works()
                        self._push(frame, CaptureStamp(arrival_s, wrapped(video_ticks(arrival_s))))
            except (av.FFmpegError, OSError, IndexError) as error:
                raise DeviceError(_lost(self._camera, error)) from error
        raise DeviceError(f"The camera {self._camera.name} sends no more.")


def _input_of(system: str, name: str, description: str) -> CameraInput:
    width, height = CAMERA_SIZE
    options = {"video_size": f"{width}x{height}", "framerate": str(CAMERA_FPS)}
    address = {"darwin": f"{name}:none", "win32": f"video={name}"}.get(system, name)
    if system == "darwin":
        options["pixel_format"] = "uyvy422"  # its default, said so that it is not warned of
    return CameraInput(description or name, FORMATS[system], address, options)


def _opened(camera: CameraInput) -> Any:
    """Open a camera as it is asked for, or as it is. Raises DeviceError."""
    try:
        try:
            return av.open(camera.address, format=camera.format, options=dict(camera.options))
        except (av.ArgumentError, av.OptionNotFoundError, OSError):
            if not camera.options:
                raise
            return av.open(camera.address, format=camera.format)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DeviceError(_lost(camera, error)) from error


def _decoded(packet: Any) -> list[Any]:
    """Return the frames of a packet; none of one that is damaged."""
    try:
        return list(packet.decode())
    except av.InvalidDataError:
        return []


def _lost(camera: CameraInput, error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return (
        f"The camera {camera.name} cannot be read ({said}): it is unplugged, used by another program, or this program "
        "may not use it."
    )
