"""`avatar token`, and secrets on command lines."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from avatar.commands.main import main
from avatar.server.tokens import check_secret, read_token

SECRET = "a secret that nobody can guess, of many letters"  # noqa: S105


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.upper().startswith("AVATAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_prints_a_token_that_the_server_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_TOKEN_SECRET", SECRET)
    assert main(["token", "--scope", "enroll,call", "--expires", "2h", "--avatar", "mira", "--calls", "1"]) == 0
    said = capsys.readouterr()
    grant = read_token(SECRET, said.out.strip())
    assert grant.scopes == {"call", "enroll"} and grant.avatar == "mira" and grant.calls == 1
    assert "call, enroll until" in said.err and SECRET not in said.out + said.err


def test_the_secret_may_stand_in_the_settings_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "avatar.toml").write_text(f'token_secret = "{SECRET}"\n')
    assert main(["token"]) == 0
    assert read_token(SECRET, capsys.readouterr().out.strip()).scopes == {"call"}


def test_without_a_secret_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token"]) == 2
    assert "--new-secret" in capsys.readouterr().err
    assert main(["token", "--new-secret"]) == 0
    secret = capsys.readouterr().out.strip()
    check_secret(secret)
    monkeypatch.setenv("AVATAR_TOKEN_SECRET", "short")
    assert main(["token"]) == 1
    assert "too short" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--scope", "fly"], "no scope 'fly'"), (["--expires", "soon"], "no time such as"),
        (["--expires", "0h"], "no time such as"), (["--expires", "900d"], "366d"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(options: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["token", *options])
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "given", [["--token", "hush-hush"], ["--token=hush-hush"], ["--llm-api-key", "hush-hush"], ["--token-secret"]]
)
def test_a_secret_on_a_command_line_is_refused_and_not_shown(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", *given])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "hush-hush" not in said
    assert "every user of this machine can read command lines" in said and "AVATAR_" in said


def test_a_password_in_an_address_on_a_command_line_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--ice-server", "turn:me:hush-hush@relay.example:3478"]) == 0
    said = capsys.readouterr()
    assert "read the password in --ice-server" in said.out + said.err and "AVATAR_ICE_SERVERS" in said.out + said.err
    assert "hush-hush" not in said.out + said.err
    assert main(["config", "--ice-server", "stun:relay.example:3478"]) == 0
    assert "password in" not in capsys.readouterr().out


def test_watching_is_guarded_by_a_token_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        for secret, reason in (("", "this server has none"), ("short", "too short")):
            monkeypatch.setenv("AVATAR_TOKEN_SECRET", secret)
            assert main(["serve", "--port", "0", "--guard-watching"]) == 1
            assert reason in capsys.readouterr().err
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
