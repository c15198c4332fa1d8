"""What commands print can be pasted: it reaches the environment that they run in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from avatar.commands.terminal import complain

NEEDED = "A cluster needs Ray Serve: pip install 'avatar[cluster]'."


@pytest.mark.parametrize("elsewhere", ["/usr/bin/pip", None])
def test_where_the_shell_has_another_pip_the_own_one_is_named(
    elsewhere: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: elsewhere)
    monkeypatch.setattr(sys, "executable", "/home/ada/.venv/bin/python")
    complain(NEEDED)
    assert capsys.readouterr().err == (
        "A cluster needs Ray Serve: /home/ada/.venv/bin/python -m pip install 'avatar[cluster]'.\n"
    )


def test_with_its_environment_activated_pip_is_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: str(Path(sys.executable).parent / "pip"))
    complain(NEEDED)
    assert capsys.readouterr().err == f"{NEEDED}\n"
