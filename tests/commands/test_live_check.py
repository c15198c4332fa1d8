"""`avatar enroll --consent live`: what is needed is said before any work, and a camera is followed to the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.commands import live_check
from avatar.commands.live_check import in_words
from avatar.commands.main import main
from avatar.errors import DeviceError
from avatar.generator.identity import Identity
from avatar.identities.live_consent import LiveCheck
from avatar.trust.live_check import Check, begin
from avatar.types import F32, U8
from avatar.virtual_camera import camera_input
from avatar.virtual_camera.camera_input import CameraInput

PATTERN = CameraInput("a pattern", "lavfi", "testsrc=size=64x48:rate=100")
FIRST = begin(lambda among: among[0], lambda: 0.0)


class AnyFace:
    """Takes everybody for the same person."""

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        return np.array([1.0], np.float32)

    def close(self) -> None:
        pass


class NoFaces:
    """Finds nobody."""

    closed = False

    def detect(self, rgb: U8, time_s: float, known: object = None) -> list[object]:
        return []

    def close(self) -> None:
        self.closed = True


def test_without_face_recognition_or_a_camera_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["enroll", "me.jpg", "--consent", "live", "-o", str(tmp_path / "me.avatar")]
    monkeypatch.setattr("avatar.trust.likeness.importlib.util.find_spec", lambda name: None)
    assert main(command) == 1
    assert "pip install 'avatar[live]'" in capsys.readouterr().err
    monkeypatch.setattr("avatar.trust.likeness.importlib.util.find_spec", lambda name: True)
    monkeypatch.setattr(camera_input, "list_cameras", list)
    assert main(command) == 1
    assert "No camera was found" in capsys.readouterr().err
    assert main([*command, "--consent", "self", "--camera", "0"]) == 1
    assert "--camera is for --consent live" in capsys.readouterr().err


def test_a_camera_that_shows_nobody_ends_the_check_and_one_that_is_gone_is_told(
    astronaut: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar.trust.live_check.LOOK_S", 0.3)
    said: list[str] = []
    faces = NoFaces()
    with LiveCheck([astronaut.rest], AnyFace(), check=FIRST, landmarker=faces) as check:  # type: ignore[arg-type]
        ended = live_check._follow(check, PATTERN, said.append)
    assert (ended.phase, ended.reason) == ("refused", "not_seen")
    assert said == ["  No face is seen: come before the camera, in light from the front."]
    assert faces.closed
    short = CameraInput("a pattern", "lavfi", "testsrc=size=64x48:rate=100:duration=0.05")
    with (
        LiveCheck([astronaut.rest], AnyFace(), check=FIRST, landmarker=NoFaces()) as check,  # type: ignore[arg-type]
        pytest.raises(DeviceError, match="a pattern"),
    ):
        monkeypatch.setattr("avatar.trust.live_check.LOOK_S", 60.0)
        live_check._follow(check, short, said.append)


def test_the_terminal_says_what_to_do() -> None:
    asked = Check(FIRST.gestures, FIRST.pauses_s, phase="gesture", asked=1, done=1)
    assert in_words(asked) == "  2 of 4: Close both eyes for a second, then open them."
    assert in_words(Check(FIRST.gestures, FIRST.pauses_s, hint="too_far")) == "  Come nearer."
    assert in_words(FIRST) == ""


def test_a_live_check_may_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "me.avatar")
    assert main(["enroll", "me.jpg", "--consent", "self", "-o", out, "--require-consent", "live"]) == 1
    assert "has to be checked before a camera" in capsys.readouterr().err
