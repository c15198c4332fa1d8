"""The virtual camera of this machine, by pyvirtualcam: v4l2loopback on Linux, OBS's on macOS and Windows.

with VirtualCamera.open(avatar.size, avatar.fps) as camera:
    async for frame in avatar:
        if isinstance(frame, VideoFrame):
            camera.send_rgb(frame.rgb)
"""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from avatar.config.checks import check_whole
from avatar.errors import ClosedError, DeviceError
from avatar.media.colour import to_i420
from avatar.types import U8
from avatar.virtual_camera.advice import INSTALL_EXTRA, virtual_camera_advice

if TYPE_CHECKING:
    from types import ModuleType

LARGEST_PX: Final = 8192
LONGEST_REASON: Final = 500
"""Letters of what a driver says that are passed on."""
PERMISSION: Final = "missing permissions"
TAKEN: Final = ("busy", "already", "could not be started", "in use")
"""What backends say of a device that another program sends to."""
REFUSED: Final = ("resolution", "unsupported", "width", "height", "size mismatch", "format")
"""What they say of a picture that they cannot send."""


class VirtualCamera:
    """One virtual camera that pictures of one size are sent to. `close` may be called again; `with` calls it."""

    def __init__(self, camera: Any, size: tuple[int, int]) -> None:
        """Send to a `pyvirtualcam.Camera` that takes I420; `open` is the usual way to one."""
        self._camera, self.size = camera, size
        self.name = str(camera.device)
        """As other programs show it, or its file."""

    @classmethod
    def open(
        cls, size: tuple[int, int], fps: int, *, device: str | None = None, backend: str | None = None
    ) -> VirtualCamera:
        """Open a virtual camera for pictures of `size` (width, height), even pixels, about `fps` a second.

        Args:
            size: of the pictures, which all have it.
            fps: how often they come; devices take more and fewer.
            device: its file (Linux) or name; None: the first one there is.
            backend: of pyvirtualcam, one that a program has registered among them; None: each that this system has.

        Raises:
            DeviceError: there is no virtual camera, another program sends to it, or it does not take such pictures.
            SettingsError: a size or rate that cannot be.
        """
        for name, value, most in (("width", size[0], LARGEST_PX), ("height", size[1], LARGEST_PX), ("fps", fps, 120)):
            check_whole(name, value, 1, most)
        library = load_library()
        if backend is not None and backend not in library.camera.BACKENDS:
            known = ", ".join(library.camera.BACKENDS)
            raise DeviceError(f"pyvirtualcam has no backend {backend!r}: choose one of {known}.")
        width, height = size
        try:
            camera = library.Camera(width, height, fps, fmt=library.PixelFormat.I420, device=device, backend=backend)
        except (RuntimeError, ValueError, OSError) as error:
            raise DeviceError(why_not_opened(str(error), size, device)) from error
        return cls(camera, size)

    def send(self, i420: U8) -> None:
        """Send a picture, (height * 3 / 2, width) planar YUV 4:2:0 as `Picture.i420` is.

        Raises:
            DeviceError: it has another size, or the device has gone.
            ClosedError: the camera was closed.
        """
        if self._camera is None:
            raise ClosedError(f"The virtual camera {self.name} was closed: open it anew.")
        rows, width = i420.shape
        if (width, rows * 2 // 3) != self.size:
            raise DeviceError(f"The virtual camera was opened for {self.size}, the picture is {width, rows * 2 // 3}.")
        try:
            self._camera.send(i420)
        except (RuntimeError, ValueError, TypeError, OSError) as error:
            raise DeviceError(
                f"The virtual camera {self.name} takes no more pictures: {str(error)[:LONGEST_REASON]}. Was its driver "
                "unloaded?"
            ) from error

    def send_rgb(self, rgb: U8) -> None:
        """Send a picture, (height, width, 3) RGB. Raises as `send` does."""
        self.send(to_i420(rgb))

    def close(self) -> None:
        """Let go of the device."""
        camera, self._camera = self._camera, None
        if camera is not None:
            with contextlib.suppress(RuntimeError, OSError):  # it may be gone already
                camera.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def load_library() -> ModuleType:
    """Return pyvirtualcam. Raises DeviceError with the command that installs it where it is missing or broken."""
    try:
        import pyvirtualcam  # noqa: PLC0415 - of the extra `camera`
    except ImportError as error:
        raise DeviceError(
            f"The virtual camera needs the package pyvirtualcam ({error}). Run: {INSTALL_EXTRA}", code="extra_missing"
        ) from error
    library: ModuleType = pyvirtualcam
    return library


def why_not_opened(said: str, size: tuple[int, int], device: str | None) -> str:
    """Return what happened and what to do, of what the backends said when a device could not be opened."""
    reason, wanted = " ".join(said.split())[:LONGEST_REASON], f"the virtual camera {device}" if device else ""
    lower = reason.lower()
    if PERMISSION in lower:
        return (
            f"You may not use {wanted or 'the virtual camera'}. Run: sudo usermod -aG video $USER, then log out and in "
            f"again. ({reason})"
        )
    if any(word in lower for word in TAKEN):
        return (
            f"Another program sends pictures to {wanted or 'the virtual camera'}. Close it (OBS: Stop Virtual Camera), "
            f"or name another device with --device. ({reason})"
        )
    if "not a video output device" in lower or "not a v4l2 device" in lower:
        return f"{device} is no virtual camera: --check lists those there are. ({reason})"
    if any(word in lower for word in REFUSED) and "no v4l2 loopback device" not in lower:
        return (
            f"The virtual camera does not take pictures of {size[0]}x{size[1]}. Give another --size, such as 1280x720 "
            f"or 640x480. ({reason})"
        )
    return f"There is no virtual camera here. {virtual_camera_advice(sys.platform)} ({reason})"
