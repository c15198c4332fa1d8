"""Keys of the terminal and the preview's window: what they do, and what is said where there is neither."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from avatar.errors import DeviceError
from avatar.motion.cues import understand
from avatar.virtual_camera import preview
from avatar.virtual_camera.hot_keys import KEYS, Action, action_of, hot_keys

if sys.platform != "win32":
    import termios


def test_keys_are_read_as_they_are_pressed_and_the_terminal_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = termios.tcgetattr(stdin)
        asked: list[Action] = []
        with hot_keys(asked.append) as there:
            assert there
            os.write(keyboard, b"Mz2q")
            end_s = time.monotonic() + 10
            while len(asked) < 3 and time.monotonic() < end_s:
                time.sleep(0.01)
        assert asked == [Action("mute"), Action("feel", "beam"), Action("quit")]
        assert termios.tcgetattr(stdin) == before
    os.close(keyboard)


def test_without_a_terminal_no_key_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    with hot_keys(lambda _: None) as there:
        assert not there


def test_every_feeling_of_a_key_is_understood() -> None:
    for action in KEYS.values():
        if action.verb == "feel" and action.words != "neutral":
            assert understand(action.words)
    assert action_of("") is None


def test_without_a_screen_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceError, match="no screen for a preview"):
        preview.Preview()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("error: (-2:Unspecified error) The function is not implemented. Rebuild the library", "built without windows"),
        ("could not connect to display :99", "No preview can be opened on this screen: could not connect"),
    ],
)
def test_a_screen_that_cannot_be_used_is_no_end_of_the_program(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    monkeypatch.setenv("DISPLAY", ":99")

    def trial(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], -6, "", said)

    monkeypatch.setattr(preview.subprocess, "run", trial)
    with pytest.raises(DeviceError, match=meant):
        preview.Preview()
