"""`avatar cluster`: what is wrong is said before anything is started."""

from __future__ import annotations

import importlib.util

import pytest

from avatar.commands.main import main


def test_without_ray_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["cluster", "up"]) == 1
    assert "pip install 'avatar[cluster]'" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "many", "1e3", "99999999"])
def test_a_number_of_replicas_that_cannot_be(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cluster", "up", f"--replicas={number}"])
    assert "no whole number from 1 to" in capsys.readouterr().err
