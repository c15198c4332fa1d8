"""`avatar config`: the settings in force, where each comes from, and a file to begin with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from avatar.commands.declarations import declared_settings
from avatar.commands.main import main, parser
from avatar.commands.settings import read_settings
from avatar.config import ServerSettings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.upper().startswith("AVATAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_shows_every_setting_with_its_origin_and_no_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "avatar.toml").write_text('token = "hush"\n[limits]\nsessions = 2\n')
    monkeypatch.setenv("AVATAR_LLM_API_KEY", "sesame")
    monkeypatch.setenv("AVATAR_ICE_SERVERS", "stun:a, turn:me:quiet@b")
    assert main(["config", "--size", "640x480"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [" ".join(line.split()) for line in lines]
    assert "# Settings file: avatar.toml" in shown
    assert 'size = "640x480" # --size' in shown
    assert "sessions = 2 # avatar.toml, line 3" in shown
    assert 'ice_servers = ["stun:a", "turn:me:********@b"] # AVATAR_ICE_SERVERS' in shown
    assert 'llm_api_key = "********" # AVATAR_LLM_API_KEY' in shown
    assert 'token = "********" # avatar.toml, line 1' in shown
    assert "port = 8010 # default" in shown
    assert "hush" not in str(lines) and "quiet" not in str(lines) and "sesame" not in str(lines)


def test_programs_can_read_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AVATAR_TOKEN", "hush")
    monkeypatch.setenv("AVATAR_ICE_SERVERS", "turn:me:hush@b")
    assert main(["config", "--json", "--size", "640x480"]) == 0
    text = capsys.readouterr().out
    shown = json.loads(text)["settings"]
    assert shown["size"] == {"value": "640x480", "from": "--size", "section": "picture"}
    assert shown["token"] == {"value": "********", "from": "AVATAR_TOKEN", "section": None}
    assert shown["ice_servers"]["value"] == ["turn:me:********@b"] and shown["llm_url"]["value"] is None
    assert "hush" not in text


def test_a_secret_that_cannot_be_is_refused_without_showing_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "avatar.toml").write_text("token = 1234567")
    assert main(["config"]) == 2
    said = capsys.readouterr().err
    assert "avatar.toml, line 1: token holds a value that cannot be" in said and "1234567" not in said


def test_the_template_is_a_file_that_says_the_defaults(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--template"]) == 0
    template = capsys.readouterr().out
    assert "[conversation]" in template and "#sessions = 4" in template
    (folder / "avatar.toml").write_text(template)
    assert read_settings(parser().parse_args(["serve"])).file == Path("avatar.toml")
    said = "\n".join(line[1:] if line[:1] == "#" and line[1:2] != " " else line for line in template.splitlines())
    (folder / "avatar.toml").write_text(said)
    found = read_settings(parser().parse_args(["serve"]))
    assert found.server == ServerSettings()
    assert found.origins["sessions"].startswith("avatar.toml, line ")


def test_the_page_of_settings_lists_them_as_they_are_declared() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    listed = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    assert listed == "\n".join(_table()), "put the table of the right side into docs/configuration.md"


def _table() -> list[str]:
    lines = ["| in the file | flag | default | what it is |", "|---|---|---|---|"]
    for setting in declared_settings().values():
        section = f"[{setting.section}] " if setting.section else ""
        flag = f"`{setting.flag}`" if setting.flag else "none: a secret"
        default = f"`{setting.shown(setting.default)}`" if setting.default not in (None, ()) else ""
        bounds = f" ({setting.takes})" if setting.type in (int, float) and setting.declared.kind is None else ""
        lines.append(f"| {section}`{setting.name}` | {flag} | {default} | {setting.declared.doc}{bounds} |")
    return lines
