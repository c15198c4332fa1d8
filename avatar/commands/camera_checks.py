"""What `avatar camera` finds on this machine, and what to install for what it lacks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from avatar.commands.check import Check
from avatar.virtual_camera.advice import (
    INSTALL_EXTRA,
    sound_library_advice,
    virtual_camera_advice,
    virtual_sound_advice,
)

PACKAGES: Final = ("pyvirtualcam", "sounddevice")


def camera_checks() -> list[Callable[[], Check]]:
    """Return the checks of cameras and microphones, real and virtual; none of what they find is essential."""
    return [cameras, virtual_camera, microphones, virtual_microphone]


def examine_camera() -> Iterator[Check]:
    """Find out whether `avatar camera` can run; what it cannot run without is a failure."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        yield Check("packages", "fail", f"not installed: {', '.join(missing)}", INSTALL_EXTRA)
    else:
        yield Check("packages", "ok", "all there")
    yield cameras()
    yield virtual_camera(essential=True)
    yield microphones()
    yield virtual_microphone()
    yield screen()


def cameras() -> Check:
    """Say which cameras this machine has. Calls use the browser's, so none is fine."""
    from avatar.virtual_camera.camera_input import list_cameras  # noqa: PLC0415 - loads FFmpeg

    found = list_cameras()
    if found:
        return Check("cameras", "ok", ", ".join(camera.name for camera in found))
    return Check("cameras", "ok", "none on this machine; a call uses the camera of the browser's machine")


def virtual_camera(*, essential: bool = False) -> Check:
    """Say whether there is a virtual camera that other programs can see the avatar through."""
    found = virtual_cameras()
    if found:
        return Check("virtual camera", "ok", ", ".join(found))
    where = "not found; `avatar camera` needs one" if essential else "none; only `avatar camera` needs one"
    return Check("virtual camera", "fail" if essential else "ok", where, virtual_camera_advice(sys.platform))


def virtual_cameras(system: str = sys.platform) -> list[str]:
    """Return the virtual cameras there are: devices on Linux, elsewhere the programs that bring one."""
    if system == "linux":
        devices = sorted(Path("/sys/devices/virtual/video4linux").glob("video*"))
        return [f"/dev/{path.name} ({_label(path)})" for path in devices]
    places = {
        "darwin": [Path("/Applications/OBS.app")],
        "win32": [Path(os.environ.get("PROGRAMFILES", "C:/Program Files")) / "obs-studio"],
    }
    return ["OBS Virtual Camera" for place in places.get(system, []) if place.exists()]


def microphones() -> Check:
    """Say which microphones this machine has."""
    from avatar.errors import DeviceError  # noqa: PLC0415
    from avatar.virtual_camera.microphone_input import list_microphones  # noqa: PLC0415

    try:
        found = list_microphones()
    except DeviceError as error:
        return Check(
            "microphones",
            "ok",
            f"cannot be looked for ({error}); only `avatar camera --mic` does",
            sound_library_advice(sys.platform) if find_spec("sounddevice") else INSTALL_EXTRA,
        )
    named = ", ".join(name for _, name in found)
    return Check("microphones", "ok", named or "none on this machine; only `avatar camera --mic` needs one")


def virtual_microphone() -> Check:
    """Say whether `--virtual-mic` can make a microphone that other programs hear the avatar through."""
    name = "virtual microphone"
    if sys.platform != "linux":
        return Check(name, "ok", "by a virtual cable, with --sound-to", virtual_sound_advice(sys.platform))
    from avatar.errors import DeviceError  # noqa: PLC0415
    from avatar.virtual_camera.virtual_microphone import missing_tools, pactl  # noqa: PLC0415

    if missing := missing_tools():
        return Check(name, "ok", f"needs {' and '.join(missing)}", virtual_sound_advice(sys.platform))
    try:
        server = next(line for line in pactl("info").splitlines() if line.startswith("Server Name"))
    except (DeviceError, StopIteration):
        return Check(name, "ok", "no PulseAudio or PipeWire runs for this user; only --virtual-mic needs one")
    return Check(name, "ok", f"can be made ({server.partition(':')[2].strip()})")


def screen() -> Check:
    """Say whether a preview can be shown."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Check("screen", "ok", "none; only --preview needs one")
    return Check("screen", "ok", "there is one")


def _label(device: Path) -> str:
    try:
        return (device / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "virtual"
