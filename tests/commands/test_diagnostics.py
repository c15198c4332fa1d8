"""What the doctor finds, on this machine and on worse ones."""

from __future__ import annotations

import ctypes
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from avatar.commands import diagnostics
from avatar.commands.main import main
from avatar.errors import AvatarError, ModelError
from avatar.stream.codecs import encoders
from avatar.stream.codecs.encoders import ENCODERS, Passed


def without_libraries(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    real = ctypes.CDLL

    def load(name: str, *args: Any, **kwargs: Any) -> ctypes.CDLL:
        if name in missing:
            raise OSError(f"{name}: cannot open shared object file")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(ctypes, "CDLL", load)


@pytest.mark.slow
def test_everything_essential_works_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--port", "0"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert findings["ok"] is True
    names = {check["name"] for check in findings["checks"]}
    assert {"python", "system libraries", "encoder libx264", "face tracker", "engines", "page and faces"} <= names
    for check in findings["checks"]:
        assert check["state"] in ("ok", "warn"), check
        assert check["do"] or check["state"] == "ok", "a warning says what to do"


def test_missing_system_libraries_name_the_exact_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_libraries(monkeypatch, "libEGL.so.1", "libGL.so.1")
    check = diagnostics.system_libraries()
    assert check.state == "fail"
    assert check.do == "sudo apt-get install -y libegl1 libgl1"
    with pytest.raises(AvatarError, match="apt-get install -y libegl1 libgl1"):
        diagnostics.require_system_libraries()
    assert main(["doctor", "--system"]) == 1
    assert "apt-get install" in capsys.readouterr().err


def test_a_build_of_opencv_without_windows_needs_no_libraries_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = tmp_path / "opencv_contrib_python_headless-5.0.0.93.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: opencv-contrib-python-headless\nVersion: 5.0.0.93\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    without_libraries(monkeypatch, "libGL.so.1", "libglib-2.0.so.0")
    assert diagnostics.system_libraries().state == "ok"
    without_libraries(monkeypatch, "libEGL.so.1", "libGL.so.1")
    assert diagnostics.system_libraries().do == "sudo apt-get install -y libegl1"


def test_an_encoder_that_is_missing_matters_only_where_it_is_essential(monkeypatch: pytest.MonkeyPatch) -> None:
    assert diagnostics.encoder("libx264").state == "ok"
    reasons = {
        "libx264": Passed("Unknown encoder"),
        "h264_nvenc": Passed("Driver does not support the required nvenc API version"),
    }
    monkeypatch.setattr(encoders, "why_passed_over", lambda kind: reasons[kind.name])
    missing = diagnostics.encoder("libx264")
    assert (missing.state, "Unknown encoder" in missing.what) == ("fail", True)
    assert "av" in missing.do
    old_driver = diagnostics.encoder("h264_nvenc")
    assert old_driver.state == "warn"
    assert "required nvenc API version; pictures are encoded on the CPU" in old_driver.what
    assert "driver" in old_driver.do
    reasons["h264_nvenc"] = Passed("no NVIDIA driver here (libcuda.so.1)", has_driver=False)
    assert diagnostics.encoder("h264_nvenc").state == "ok", "most machines have no card"


def test_every_encoder_there_is_is_tried() -> None:
    assert set(diagnostics.ENCODER_NAMES) == {kind.name for kind in ENCODERS}


@pytest.mark.slow
def test_models_that_are_not_here_yet_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    findings = {check.name: check for check in diagnostics.examine(0)}
    for name in ("model face_landmarker", "model selfie_segmentation", "face tracker"):
        assert findings[name].state == "warn"
        assert findings[name].do == "avatar models pull"


@pytest.mark.usefixtures("face_model")
def test_weights_that_are_missing_are_a_fault_of_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ModelError("The weights file is missing.")

    assert diagnostics.face_tracker().state != "fail"
    monkeypatch.setattr("avatar.perception.openvino_landmarker.load_distilled", missing)
    check = diagnostics.face_tracker()
    assert check.state == "fail" and check.what == "The weights file is missing." and "pip install" in check.do


def test_a_taken_port_names_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = diagnostics.port_free(port)
    assert check.state == "warn"
    assert check.do.endswith(f"--port {port + 1}")


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def engines() -> diagnostics.Check:
        raise RuntimeError("broken driver")

    monkeypatch.setattr(diagnostics, "engines", engines)
    findings = {check.name: check for check in diagnostics.examine(0)}
    assert findings["engines"].state == "fail"
    assert "broken driver" in findings["engines"].what
    assert "machine" in findings


def test_a_small_machine_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics.os, "sched_getaffinity", lambda _: {0})
    assert diagnostics.cores_and_memory().state == "warn"
