"""What a command shows while it works."""

from __future__ import annotations

import io

import pytest

from avatar.commands import progress
from avatar.commands.progress import ProgressBar, progress_line


class Screen(io.StringIO):
    """A progress."""

    def isatty(self) -> bool:
        return True


def test_a_line_says_how_far_it_is_and_how_long_it_takes() -> None:
    assert progress_line("Rendering", "frames", 150, 300, 10.0) == (
        "Rendering [##############--------------]  50%  150/300 frames  10 s left"
    )
    assert progress_line("Fetching", "B", 1_500_000, 3_000_000, 1.0).endswith("1.5/3.0 MB  1 s left")
    assert progress_line("Rendering", "frames", 150, None, 10.0) == "Rendering  150 frames"
    assert "100%" in progress_line("Fetching", "B", 12, 10, 1.0)


def test_quick_work_and_logs_show_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, log = Screen(), io.StringIO()
    with ProgressBar("Rendering", stream=screen) as bar:
        bar.update(1, 2)
    assert screen.getvalue() == ""
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", -1.0)
    with ProgressBar("Rendering", stream=log) as bar:
        bar.update(1, 2)
    assert log.getvalue() == ""
    with ProgressBar("Rendering", stream=screen) as bar:
        bar.update(1, 2)
        assert "50%" in screen.getvalue()
    assert screen.getvalue().endswith("\r\033[K"), "it leaves no trace"
