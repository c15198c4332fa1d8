"""`avatar enroll --refine`: what the command says when its arguments do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar.commands.main import main


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "at least one photo, or a clip"),
        (["--refine", "nowhere.mp4"], "nowhere.mp4 does not exist"),
        (["me.jpg", "--sheet", "sheet.png"], "give a clip with --refine"),
        (["me.jpg"] * 9, "at most 8"),
    ],
)
def test_arguments_that_do_not_fit_are_explained(
    arguments: list[str], answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", *arguments, "-o", str(tmp_path / "me.avatar")]) == 1
    assert answer in capsys.readouterr().err


def test_the_clip_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"precious")
    assert main(["enroll", "--refine", str(clip), "-o", str(tmp_path / "a.avatar"), "--sheet", str(clip)]) == 1
    assert "one of the inputs" in capsys.readouterr().err and clip.read_bytes() == b"precious"
    assert main(["enroll", "--refine", str(clip), "-o", str(tmp_path / "a.avatar")]) == 1
    assert "Cannot open" in capsys.readouterr().err
