"""A window that shows what the virtual camera sends, by OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

import cv2

from avatar.errors import DeviceError
from avatar.types import U8, Picture

TITLE: Final = "Avatar"
TRIAL: Final = f"import cv2; cv2.namedWindow({TITLE!r}); cv2.destroyAllWindows()"
TRIAL_TIMEOUT_S: Final = 20.0


class Preview:
    """One window. Used in the main thread only: macOS shows windows in no other."""

    def __init__(self) -> None:
        """Open it. Raises DeviceError where there is no screen, or OpenCV was built without windows."""
        require_screen()
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        self._shown: Picture | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        cv2.destroyAllWindows()

    def show(self, picture: Picture | None) -> str:
        """Show a picture, unless it is shown already; return the key that was pressed in the window, or ""."""
        if picture is not None and picture is not self._shown:
            cv2.imshow(TITLE, _bgr(picture.i420))
            self._shown = picture
        code = cv2.waitKey(1)
        return chr(code & 0xFF) if code >= 0 else ""


def require_screen() -> None:
    """Raise DeviceError where no window can be opened, and say why.

    Tried in a process of its own: the windows of OpenCV end the process that asks for one in vain.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DeviceError(
            "There is no screen for a preview (neither DISPLAY nor WAYLAND_DISPLAY is set): run this in a desktop "
            "session, or leave --preview out.",
            code="no_screen",
        )
    try:
        done = subprocess.run(  # noqa: S603 - our own words alone
            [sys.executable, "-c", TRIAL], capture_output=True, text=True, timeout=TRIAL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError("The screen for a preview does not answer.", code="no_screen") from error
    if done.returncode == 0:
        return
    said = " ".join(done.stderr.split())
    if "not implemented" in said:
        raise DeviceError(
            "This OpenCV was built without windows (opencv-contrib-python-headless). For a preview run: pip uninstall "
            "-y opencv-contrib-python-headless && pip install --force-reinstall opencv-contrib-python",
            code="no_screen",
        )
    raise DeviceError(f"No preview can be opened on this screen: {said[:300] or 'it ended'}.", code="no_screen")


def _bgr(i420: U8) -> U8:
    bgr: U8 = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420).astype("uint8", copy=False)
    return bgr
