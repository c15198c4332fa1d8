"""Loading a model prints nothing; what others print meanwhile is not lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.native_log import quiet_start


def test_loading_a_model_leaves_the_terminal_clean(face_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for video in (True, False):
        FaceLandmarker(face_model, video=video).close()
    assert capfd.readouterr().err == ""


def test_other_lines_arrive_in_order_and_chatter_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_start():
        os.write(2, b"first\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"E0000 something broke\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "first\nE0000 something broke\nafter\n"


def test_an_error_inside_gives_stderr_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), quiet_start():
        os.write(2, b"before the error\n")
        raise RuntimeError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before the error\nafter\n"


@pytest.mark.parametrize("memory_files", [True, False])
def test_a_model_loads_where_no_temporary_file_can_be_written(
    memory_files: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as full:
        full.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
        if not memory_files:
            full.delattr(os, "memfd_create", raising=False)
        with quiet_start():
            os.write(2, b"said\n")
    assert capfd.readouterr().err == "said\n"
