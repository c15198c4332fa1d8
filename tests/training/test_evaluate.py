"""Weights are measured on people kept back, and the curves of a run can be drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra `train`")

import cv2

from avatar.generator.network import SIZES, FaceNetwork
from avatar.generator.network_weights import save_weights
from training import curves, distill, evaluate


def test_untrained_weights_are_as_good_as_geometry(
    packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(tmp_path / "w.safetensors", FaceNetwork(SIZES["lite"]), "lite", {})
    options = ["--weights", str(tmp_path / "w.safetensors"), "--data", str(packed_folder), "--hold-back", "1"]
    assert evaluate.main([*options, "--sheet", str(tmp_path / "sheet.jpg")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["eye_l1_ratio"] == pytest.approx(1, abs=0.15)
    assert "mouth_l1_ratio_4refs" in found
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet is not None and sheet.shape[1] >= 5 * 256


def test_nobody_to_measure_on_is_said(packed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(tmp_path / "w.safetensors", FaceNetwork(SIZES["lite"]), "lite", {})
    options = ["--weights", str(tmp_path / "w.safetensors"), "--data", str(packed_folder), "--split", "test"]
    assert evaluate.main(options) == 1
    assert "nobody to measure on" in capsys.readouterr().err


def test_a_pupil_learns_from_a_wider_teacher(packed_folder: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "wide.safetensors", FaceNetwork(SIZES["standard"]), "standard", {})
    # fmt: off
    options = [
        "--teacher", str(tmp_path / "wide.safetensors"), "--data", str(packed_folder), "--out", str(tmp_path / "run"),
        "--steps", "1", "--batch", "4", "--hold-back", "1", "--threads", "1", "--device", "cpu",
    ]
    # fmt: on
    assert distill.main(options) == 0
    assert (tmp_path / "run" / "state.safetensors").is_file()


def test_distilling_without_a_teacher_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert distill.main(["--steps", "1"]) == 1
    assert "--teacher" in capsys.readouterr().err


def test_curves_go_on_from_one_run_to_the_next(tmp_path: Path) -> None:
    header = "step,seconds,loss,mouth_l1_ratio,eye_l1_ratio,face_psnr_gain_db,face_psnr_db,mouth_sharpness,"
    header += "mouth_l1_ratio_4refs\n"
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(header + "250,10,0.1,0.9,1,0.1,27,1,0.8\n500,20,0.1,0.8,1,0.2,27,1,0.7\n")
    columns = curves.read_logs([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert columns["step"] == [250, 500, 750, 1000]
    assert curves.main(["--log", str(tmp_path / "one.csv"), "--out", str(tmp_path / "c.png")]) == 0
    assert cv2.imread(str(tmp_path / "c.png")) is not None
    (tmp_path / "junk.csv").write_text("what,is,this\n1,2,three\n")
    assert curves.main(["--log", str(tmp_path / "junk.csv"), "--out", str(tmp_path / "d.png")]) == 1
