"""A virtual camera takes pictures, and says in a sentence what keeps it from it."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from avatar.errors import ClosedError, DeviceError, SettingsError
from avatar.media.colour import to_i420
from avatar.virtual_camera import VirtualCamera
from avatar.virtual_camera.advice import INSTALL_EXTRA
from avatar.virtual_camera.device import why_not_opened

pytest.importorskip("pyvirtualcam", reason=f"the extra is not installed: {INSTALL_EXTRA}")

from benchmarks import recording_camera
from benchmarks.recording_camera import RecordingCamera

SIZE = (128, 96)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    recording_camera.register()
    RecordingCamera.opened.clear()
    yield
    RecordingCamera.on_send = None


def opened(**how: Any) -> VirtualCamera:
    return VirtualCamera.open(how.pop("size", SIZE), 30, backend=recording_camera.BACKEND, **how)


def test_pictures_reach_the_device_as_they_are_and_it_is_closed() -> None:
    red = np.full((96, 128, 3), (200, 30, 40), np.uint8)
    with opened(device="/dev/video9") as camera:
        assert camera.name == "/dev/video9"
        camera.send_rgb(red)
    (device,) = RecordingCamera.opened
    assert np.array_equal(device.pictures[0], to_i420(red))
    assert device.closed
    camera.close()  # again
    with pytest.raises(ClosedError, match="open it anew"):
        camera.send_rgb(red)


def test_a_picture_of_another_size_is_refused() -> None:
    with opened() as camera, pytest.raises(DeviceError, match=r"opened for \(128, 96\)"):
        camera.send_rgb(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"device": "taken"}, r"Another program sends pictures to the virtual camera taken\. Close it"),
        ({"size": (134, 134)}, r"does not take pictures of 134x134\. Give another --size, such as 1280x720"),
    ],
)
def test_what_the_device_refuses_is_said_with_what_to_do(how: dict[str, Any], said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        opened(**how)


def test_a_backend_that_there_is_not_names_those_there_are() -> None:
    with pytest.raises(DeviceError, match=r"no backend 'nothing': choose one of .*recording"):
        VirtualCamera.open(SIZE, 30, backend="nothing")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("No v4l2 loopback device found at /dev/video[0-99].", "There is no virtual camera here. Run: "),
        ("'obs' backend: virtual camera is already in use", "Another program sends pictures"),
        ("Device /dev/video7 could not be opened due to missing permissions.", "usermod -aG video"),
        ("Virtual camera device /dev/video0 is not a video output device.", "is no virtual camera: --check"),
    ],
)
def test_what_backends_say_becomes_what_to_do(said: str, meant: str) -> None:
    assert meant in why_not_opened(said, SIZE, "/dev/video0")


def test_a_device_that_goes_away_is_an_error_of_ours() -> None:
    def gone(_: RecordingCamera) -> None:
        raise OSError(19, "No such device")

    with opened() as camera:
        RecordingCamera.on_send = gone
        with pytest.raises(DeviceError, match=r"takes no more pictures: .*No such device"):
            camera.send_rgb(np.zeros((96, 128, 3), np.uint8))


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = builtins.__import__

    def without(name: str, *rest: Any, **how: Any) -> Any:
        if name.startswith("pyvirtualcam"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **how)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DeviceError, match=r"pip install 'avatar\[camera\]'"):
        opened()


@pytest.mark.parametrize(
    ("size", "fps", "named"),
    [((0, 256), 30, "width"), ((256, -2), 30, "height"), ((256.0, 256), 30, "width"), ((256, 256), 0, "fps")],
)
def test_a_size_or_rate_that_cannot_be_is_named(size: Any, fps: int, named: str) -> None:
    with pytest.raises(SettingsError, match=f"{named} cannot be"):
        VirtualCamera.open(size, fps, backend=recording_camera.BACKEND)
