"""`avatar enroll --consent live`: the person is checked before a camera of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from avatar.commands.terminal import say
from avatar.errors import ConsentError, DeviceError
from avatar.timing.latest_slot import LatestSlot
from avatar.types import CaptureStamp

if TYPE_CHECKING:
    import av

    from avatar.generator.identity import Portrait
    from avatar.identities.live_consent import LiveCheck
    from avatar.trust.live_check import Check
    from avatar.virtual_camera.camera_input import CameraInput
    from avatar.virtual_camera.device_thread import DeviceState

LEAST_STEP_S: Final = 0.06
"""Between two pictures that are looked at: more show no more."""
NO_PICTURE_S: Final = 10.0
"""A camera from which none has come by then is given up."""


def checked_likeness(portraits: Sequence[Portrait], camera: CameraInput) -> float:
    """Ask whoever is before the camera, in the terminal, and return their likeness to the photos.

    Raises:
        ConsentError: they are not the person in the photos, or did not do what was asked.
        DeviceError: the camera cannot be read.
        TrustError: face recognition is not installed, or failed.
        ModelError, PerceptionError: what finds faces is missing, or failed.
    """
    from avatar.identities.live_consent import LiveCheck  # noqa: PLC0415
    from avatar.trust.likeness_process import LikenessProcess  # noqa: PLC0415
    from avatar.trust.live_check import REASONS  # noqa: PLC0415

    recognition = LikenessProcess()
    try:
        with LiveCheck(portraits, recognition) as check:
            say(f"Look into {camera.name}. Right and left are your own.")
            ended = _follow(check, camera, say)
    finally:
        recognition.close()
    if ended.phase != "passed":
        raise ConsentError(
            f"The check did not succeed: {REASONS[ended.reason]}. Try again, with light from the front; or say whose "
            "face it is with --consent self, permitted or nobody.",
            code="not_live",
        )
    say(f"You are the person in the photo (likeness {ended.score:.3f}).")
    return ended.score


def _follow(check: LiveCheck, camera: CameraInput, tell: Callable[[str], None]) -> Check:
    """Show a check what the camera sees until it has ended."""
    from avatar.media.colour import camera_rgb  # noqa: PLC0415
    from avatar.virtual_camera.camera_input import CameraReader  # noqa: PLC0415

    slot: LatestSlot[av.VideoFrame] = LatestSlot()
    lost: list[str] = []

    def push(frame: av.VideoFrame, _: CaptureStamp) -> None:
        slot.put(frame)

    def on_state(state: DeviceState, why: str) -> None:
        if state == "lost":
            lost.append(why)
            slot.close()

    reader = CameraReader(camera, push, on_state)
    said = ""
    reader.start()
    try:
        while not check.check.ended:
            frame = slot.take(NO_PICTURE_S)
            if frame is None:
                raise DeviceError(lost[0] if lost else f"No picture comes from {camera.name}.")
            begin_s = time.monotonic()
            words = in_words(check.look(camera_rgb(frame), begin_s))
            if words and words != said:
                said = words
                tell(words)
            time.sleep(max(begin_s + LEAST_STEP_S - time.monotonic(), 0.0))
    finally:
        reader.stop()
        slot.close()
    return check.check


def in_words(check: Check) -> str:
    """Return what whoever is before the camera is to do; empty: what was said last still holds."""
    from avatar.trust.live_check import ASKED, HINTS  # noqa: PLC0415
    from avatar.trust.live_gestures import GESTURES  # noqa: PLC0415

    if (gesture := check.gesture) is not None:
        return f"  {check.done + 1} of {ASKED}: {GESTURES[gesture]}."
    return f"  {HINTS[check.hint]}." if check.hint in HINTS else ""
