"""What commands print can be pasted: it reaches the environment that they run in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from avatar.commands.main import main
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


@pytest.mark.parametrize(
    ("command", "begins"),
    [
        (["render", "--avatar", "nobody", "-o", "out.mp4"], "avatar: opening nobody ...\n"),
        (["say", "Hello", "--avatar", "nobody", "-o", "out.mp4"], "avatar: opening nobody ...\n"),
        (["publish", "--avatar", "nobody", "--to", "out.mp4"], "avatar: opening nobody ...\n"),
        (["enroll", "nobody.jpg", "-o", "out.avatar"], "avatar: looking for the face ...\n"),
    ],
)
def test_what_takes_seconds_begins_with_a_word_at_a_terminal(
    command: list[str], begins: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    alone = capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(command) == 1
    assert capsys.readouterr().err == begins + alone, "and with it in no log"
