"""`avatar camera` as a user runs it: what it lists, checks, refuses, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avatar.commands import camera_checks
from avatar.commands.camera_choices import backgrounds_after, chosen_drive, chosen_inputs
from avatar.commands.main import main
from avatar.config import Background
from avatar.errors import DeviceError
from avatar.virtual_camera import camera_input
from avatar.virtual_camera.advice import virtual_camera_advice
from avatar.virtual_camera.broadcast import Inputs
from avatar.virtual_camera.camera_input import CameraInput

WEBCAM = CameraInput("Webcam", "v4l2", "/dev/video0")
FACE = ["camera", "--avatar", "astronaut", "--tier", "geometry", "--size", "128x128"]


def given(**flags: Any) -> Namespace:
    return Namespace(**{"camera": None, "mic": None, "clip": None, "drive": None} | flags)


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_input, "list_cameras", lambda: [WEBCAM])


@pytest.fixture
def recording() -> Iterator[Any]:
    pytest.importorskip("pyvirtualcam", reason="the extra is not installed: pip install 'avatar[camera]'")
    from benchmarks import recording_camera  # noqa: PLC0415

    recording_camera.register()
    recording_camera.RecordingCamera.opened.clear()
    yield recording_camera.RecordingCamera
    recording_camera.RecordingCamera.on_send = None


@pytest.mark.usefixtures("webcam")
@pytest.mark.parametrize(
    ("flags", "inputs", "drive"),
    [
        ({}, Inputs(WEBCAM), "camera"),
        ({"camera": "web"}, Inputs(WEBCAM), "camera"),
        ({"mic": ""}, Inputs(None, ""), "voice"),
        ({"mic": "2", "camera": ""}, Inputs(WEBCAM, "2"), "both"),
        ({"drive": "voice"}, Inputs(None, ""), "voice"),
        ({"drive": "both"}, Inputs(WEBCAM, ""), "both"),
    ],
)
def test_what_moves_the_avatar_is_what_is_named(flags: dict[str, Any], inputs: Inputs, drive: str) -> None:
    chosen = chosen_inputs(given(**flags))
    assert chosen == inputs
    assert chosen_drive(flags.get("drive"), chosen) == drive


def test_a_face_that_nothing_could_move_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="--drive both follows a face: add --camera"):
        chosen_drive("both", Inputs(microphone=""))
    with pytest.raises(DeviceError, match="stands in place of"):
        chosen_inputs(given(clip=tmp_path / "a.mp4", mic=""))
    with pytest.raises(DeviceError, match=r"a\.mp4 does not exist"):
        chosen_inputs(given(clip=tmp_path / "a.mp4"))


def test_no_camera_at_all_says_what_else_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(camera_input, "list_cameras", lambda: [])
    assert main([*FACE]) == 1
    assert "drive the avatar by --mic or --clip FILE" in capsys.readouterr().err
    assert main(["camera", "--list"]) == 0
    assert "Cameras: none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("system", "command"),
    [("linux", "sudo modprobe v4l2loopback"), ("darwin", "brew install --cask obs"), ("win32", "winget install")],
)
def test_the_check_names_the_commands_of_each_system(
    monkeypatch: pytest.MonkeyPatch, system: str, command: str
) -> None:
    assert command in virtual_camera_advice(system)
    monkeypatch.setattr(camera_checks, "virtual_cameras", lambda: [])
    monkeypatch.setattr(sys, "platform", system)
    check = camera_checks.virtual_camera(essential=True)
    assert check.state == "fail" and command in check.do
    assert camera_checks.virtual_camera().state == "ok", "calls need none"


def test_the_check_ends_with_1_where_the_camera_cannot_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(camera_checks, "find_spec", lambda _: None)
    monkeypatch.setattr(camera_checks, "virtual_cameras", lambda: ["/dev/video2"])
    assert main(["camera", "--check"]) == 1
    assert "pip install 'avatar[camera]'" in capsys.readouterr().out


def test_a_camera_carries_no_transparency(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FACE, "--background", "transparent"]) == 2
    assert "--background: no call, movie or camera carries transparency" in capsys.readouterr().err
    assert main([*FACE, "--background", "blurr"]) == 2
    assert "it takes keep, blur, transparent, a colour such as #2a6496, or a picture" in capsys.readouterr().err


def test_the_key_goes_through_backgrounds_from_the_chosen_one() -> None:
    green = Background("colour", rgb=(0, 255, 0))
    assert [one.kind for one in backgrounds_after(Background("blur"))] == ["blur", "keep", "colour"]
    assert backgrounds_after(green)[0] == green and len(backgrounds_after(green)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_the_avatar_and_ends_cleanly(
    recording: Any, stop: signal.Signals, tmp_path: Path, media_files: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = media_files.write_media(tmp_path / "clip.mkv", video="libx264", seconds=0.5)
    before = signal.getsignal(signal.SIGTERM)

    def stop_soon(device: Any) -> None:
        if len(device.arrivals_s) == 10:
            os.kill(os.getpid(), stop)

    recording.on_send = stop_soon
    try:
        assert main([*FACE, "--clip", str(clip), "--backend", "recording", "--preview", "--control-page"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    (device,) = recording.opened
    assert device.closed and device.size == (128, 128) and len(device.arrivals_s) >= 10
    said = capsys.readouterr()
    assert "Choose the camera 'recording'" in said.out
    assert "Control page, for this machine alone: http://127.0.0.1:" in said.out
    assert "Going on without a preview" in said.err or os.environ.get("DISPLAY")


@pytest.mark.slow
def test_a_device_that_is_unloaded_ends_it_with_the_reason(
    recording: Any, tmp_path: Path, media_files: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = media_files.write_media(tmp_path / "clip.mkv", video="libx264", seconds=0.5)

    def unload(device: Any) -> None:
        if len(device.arrivals_s) == 5:
            raise OSError(19, "No such device")

    recording.on_send = unload
    assert main([*FACE, "--clip", str(clip), "--backend", "recording"]) == 1
    assert "takes no more pictures" in capsys.readouterr().err
    assert recording.opened[0].closed


def test_sound_for_others_needs_some(recording: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(camera_input, "list_cameras", lambda: [WEBCAM])
        assert main([*FACE, "--virtual-mic", "--backend", "recording"]) == 1
    assert "There is no sound to be heard: add --mic" in capsys.readouterr().err
    assert recording.opened[0].closed
