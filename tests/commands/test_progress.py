"""What a command shows while it works."""

from __future__ import annotations

import io
import threading
import time

import pytest

from avatar.commands import progress
from avatar.commands.progress import ProgressBar


class Screen(io.StringIO):
    """A progress."""

    def isatty(self) -> bool:
        return True


def test_a_bar_says_how_far_it_is_how_fast_and_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.0)
    screen = Screen()
    with ProgressBar("Rendering", "frames", stream=screen) as bar:
        bar.update(0, 300)
        time.sleep(0.2)
        bar.update(150, 300)
        shown = screen.getvalue()
    assert "Rendering:  50%" in shown and "150/300 [00:00<00:0" in shown and "frames/s]" in shown
    screen = Screen()
    with ProgressBar("Fetching", "B", stream=screen) as bar:
        time.sleep(0.2)
        bar.update(1_500_000, 3_000_000)
        time.sleep(0.2)
        bar.update(1_200_000, None)  # a part is fetched anew, and nobody knows how much it is
        shown = screen.getvalue()
    assert "1.50M/3.00M" in shown and "Fetching: 1.20MB" in shown


def test_quick_work_and_logs_show_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, log = Screen(), io.StringIO()
    with ProgressBar("Rendering", stream=screen) as bar:
        time.sleep(0.2)
        bar.update(1, 2)
    assert screen.getvalue() == ""
    monkeypatch.setattr(progress, "SHOWN_AFTER_S", 0.0)
    with ProgressBar("Rendering", stream=log) as bar:
        time.sleep(0.2)
        bar.update(1, 2)
    assert log.getvalue() == ""
    with ProgressBar("Rendering", stream=screen) as bar:
        time.sleep(0.2)
        bar.update(1, 2)
        assert "50%" in screen.getvalue()
    assert screen.getvalue().endswith(" \r"), "it leaves no trace"
    assert not [thread for thread in threading.enumerate() if "TMonitor" in type(thread).__name__]
