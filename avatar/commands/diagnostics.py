"""What this machine can do, found out by trying it, and what to do about what it cannot."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from avatar.commands.camera_checks import camera_checks
from avatar.commands.check import Check
from avatar.errors import AvatarError, ModelError
from avatar.models.store import ModelStore

SYSTEM_LIBRARIES: Final = {
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""What MediaPipe and its OpenCV load on Linux -> the Debian package that holds it."""
_OF_WINDOWS: Final = frozenset({"libGL.so.1", "libglib-2.0.so.0"})
"""Those of them that only the build of OpenCV loads that can open windows; the Docker image has the other."""

ENCODER_NAMES: Final = ("h264_nvenc", "libx264", "libvpx")
"""Those of `stream.encoders`, which is not imported before they are tried."""

_LEAST_MEMORY_GB: Final = 2.0
_LEAST_CORES: Final = 2


def examine(port: int) -> Iterator[Check]:
    """Try everything, one finding after the other. A check that breaks is a finding too."""
    checks: list[Callable[[], Check]] = [
        python_version,
        system_libraries,
        *(lambda name=name: encoder(name) for name in ENCODER_NAMES),
        *(lambda name=name: model(name, ModelStore()) for name in ModelStore().specs),
        face_tracker,
        engines,
        page_and_faces,
        *camera_checks(),
        lambda: port_free(port),
        cores_and_memory,
    ]
    for check in checks:
        try:
            yield check()
        except Exception as error:
            name = getattr(check, "__name__", "check").replace("_", " ")
            yield Check(
                name, "fail", f"broke off: {error!r}", "Report this with the whole output of: avatar doctor --json"
            )


def python_version() -> Check:
    """Say which Python runs; pip already refuses one that is too old."""
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}"
    return Check("python", "ok", found)


def missing_system_libraries() -> list[str]:
    """Return the system libraries that are needed here and cannot be loaded."""
    if sys.platform != "linux":  # elsewhere the wheels bring all they need
        return []
    missing = []
    for library in SYSTEM_LIBRARIES:
        if library in _OF_WINDOWS and not _opens_windows():
            continue
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(library)
    return missing


def _opens_windows() -> bool:
    """Say whether the installed OpenCV is the build with windows, which MediaPipe asks for."""
    from importlib import metadata  # noqa: PLC0415 - only commands that track faces need it

    try:
        metadata.version("opencv-contrib-python-headless")
    except metadata.PackageNotFoundError:
        return True
    return False


def system_libraries() -> Check:
    """Say whether MediaPipe's libraries are here."""
    missing = missing_system_libraries()
    if not missing:
        return Check("system libraries", "ok", "all there")
    return Check("system libraries", "fail", f"missing: {', '.join(missing)}", install_command(missing))


def install_command(missing: list[str]) -> str:
    """Return the command that installs these libraries on Debian and its like."""
    return f"sudo apt-get install -y {' '.join(SYSTEM_LIBRARIES[library] for library in missing)}"


def require_system_libraries() -> None:
    """Raise AvatarError with the command to run when a library is missing: importing MediaPipe would fail obscurely."""
    if missing := missing_system_libraries():
        raise AvatarError(
            f"The face tracker needs system libraries that are not installed ({', '.join(missing)}). "
            f"Run: {install_command(missing)}"
        )


def encoder(name: str) -> Check:
    """Encode two pictures: that FFmpeg lists an encoder does not mean that it works."""
    from avatar.stream.codecs.encoders import ENCODERS, why_passed_over  # noqa: PLC0415

    kind = next(kind for kind in ENCODERS if kind.name == name)
    passed = why_passed_over(kind)
    if passed is None:
        return Check(f"encoder {name}", "ok", "encodes pictures")
    if kind.why_no_driver is None:
        return Check(f"encoder {name}", "fail", f"does not work ({passed.reason})", "Install the package `av` again.")
    what = f"passed over: {passed.reason}; pictures are encoded on the CPU"
    if not passed.has_driver:
        return Check(f"encoder {name}", "ok", what)
    return Check(
        f"encoder {name}", "warn", what, "Update the card's driver, or close what else uses its encoder (nvidia-smi)."
    )


def model(name: str, store: ModelStore) -> Check:
    """Say whether a model file is here and unharmed."""
    state = store.state(name)
    if state == "present":
        return Check(f"model {name}", "ok", str(store.path(name)))
    return Check(f"model {name}", "warn", f"{state} ({store.path(name)})", "avatar models pull")


def face_tracker() -> Check:
    """Follow the face in a real portrait as a call does, and say what runs the networks."""
    require_system_libraries()
    store = ModelStore()
    if store.state("face_landmarker") != "present":
        return Check("face tracker", "warn", "not tried: its model is not here yet", "avatar models pull")
    from avatar.config import LimitSettings  # noqa: PLC0415
    from avatar.identities.builtin import builtin_face  # noqa: PLC0415
    from avatar.media.photo import read_photo  # noqa: PLC0415
    from avatar.perception.landmarker_choice import open_landmarker, why_not_openvino  # noqa: PLC0415

    path = store.path("face_landmarker")
    reason = why_not_openvino(path)
    try:
        landmarker = open_landmarker(path, video=True, max_faces=1)
    except ModelError as error:
        return Check("face tracker", "fail", str(error), "pip install --force-reinstall --no-deps PATH-OR-NAME")
    try:
        portrait = read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())
        landmarker.detect(portrait, 0.0)
        started_s = time.perf_counter()
        faces = landmarker.detect(portrait, 1 / 30)
        took_ms = (time.perf_counter() - started_s) * 1000
    finally:
        landmarker.close()
    if len(faces) != 1:
        return Check("face tracker", "fail", f"finds {len(faces)} faces in a portrait", "avatar models pull")
    slow = took_ms > 33
    advice = "Close other programs: at more than 33 ms a frame, 30 frames a second cannot be followed." if slow else ""
    runs = "OpenVINO" if reason is None else f"MediaPipe, not the quicker OpenVINO: {reason}"
    return Check("face tracker", "warn" if slow else "ok", f"follows a face in {took_ms:.0f} ms ({runs})", advice)


def engines() -> Check:
    """Draw one frame with each engine that is installed, and say which will be taken."""
    from avatar.generator.engines.choice import ENGINES, default_threads  # noqa: PLC0415
    from avatar.generator.engines.gpu import has_nvidia_driver  # noqa: PLC0415
    from avatar.generator.engines.speed import measure_frame_ms  # noqa: PLC0415
    from avatar.generator.network_files import network_files  # noqa: PLC0415
    from avatar.generator.tiers import chosen_tier, live_tier  # noqa: PLC0415

    try:
        files = network_files("lite")
    except ModelError as error:
        return Check("engines", "warn", f"the plain geometry draws: {error}", "Install the package again.")
    found, unused = [], ""
    for name, make in ENGINES.items():
        if name.endswith("-compiled"):
            continue  # that takes a minute, and draws what the others draw
        try:
            found.append(f"{name} {measure_frame_ms(make(files, default_threads())):.0f} ms")
        except (ImportError, RuntimeError, OSError, AvatarError) as error:
            if name == "torch-cuda" and has_nvidia_driver():  # most machines have one or two engines: no news
                unused = f"; the GPU is not used: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    if not found:
        return Check("engines", "warn", "none can run the network: the plain geometry draws", "pip install openvino")
    best, live = chosen_tier("auto", "auto"), live_tier("auto", "auto")
    drawn = f"{best} draws" + ("" if best.startswith(live) else f", {live} in calls")
    return Check("engines", "ok", f"{drawn}; a frame takes {', '.join(found)}{unused}")


def page_and_faces() -> Check:
    """Say whether the page and the built-in faces are installed."""
    from avatar.identities.builtin import builtin_faces  # noqa: PLC0415
    from avatar.server.page_files import page_folder  # noqa: PLC0415

    try:
        page_folder()
        names = [face.name for face in builtin_faces()]
    except AvatarError as error:
        return Check("page and faces", "fail", str(error), "Install the package again.")
    return Check("page and faces", "ok", f"built-in faces: {', '.join(names)}")


def port_free(port: int) -> Check:
    """Say whether the server's port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Check(
                f"port {port}", "warn", f"taken ({error.strerror})", f"Choose another: avatar serve --port {port + 1}"
            )
    return Check(f"port {port}", "ok", "free")


def cores_and_memory() -> Check:
    """Say whether the machine is large enough for a call."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory_gb = _memory_gb()
    found = f"{cores} cores" + (f", {memory_gb:.1f} GB of memory" if memory_gb is not None else "")
    if cores < _LEAST_CORES:
        return Check("machine", "warn", found, "A call in real time needs two cores.")
    if memory_gb is not None and memory_gb < _LEAST_MEMORY_GB:
        return Check("machine", "warn", found, "A call needs about 1 GB: keep 2 GB free.")
    return Check("machine", "ok", found)


def _memory_gb() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None
