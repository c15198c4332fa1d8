"""The log of who did what when: JSON, in files that take turns, without anything that is somebody's secret."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from avatar.errors import AvatarError
from avatar.trust.audit_log import OLD_FILES, Addresses, AuditLog, reference


def test_entries_are_one_json_object_a_line_for_the_operator_alone(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.jsonl"
    log = AuditLog(path)
    log.write("call.began", call=reference("secret id"), status=201, token=None, name="Ünï\n")
    log.close()
    (entry,) = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert entry.pop("at").endswith("+00:00")
    assert entry == {"what": "call.began", "call": reference("secret id"), "status": 201, "name": "Ünï\n"}
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = AuditLog(path)
    again.write("call.ended")
    again.close()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2, "a server that starts again goes on with it"


def test_files_take_turns_and_the_oldest_goes(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", file_bytes=300)
    for number in range(200):
        log.write("call.began", number=number)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + OLD_FILES and all(file.stat().st_size <= 300 for file in files)
    assert json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[-1])["number"] == 199
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600} or os.name != "posix"


def test_addresses_are_shortened_or_hashed_by_the_rule() -> None:
    shortened = Addresses("shortened")
    assert shortened.written("203.0.113.77") == shortened.written("::ffff:203.0.113.9") == "203.0.113.0/24"
    assert shortened.written("2001:db8:1:2:3::4") == "2001:db8:1::/48"
    assert Addresses("none").written("203.0.113.77") is None
    day = "2026-11-29"
    hashed = Addresses("hashed", lambda: day)
    first = hashed.written("203.0.113.77")
    assert first == hashed.written("203.0.113.77") != hashed.written("203.0.113.78")
    assert "203" not in str(first) or len(str(first)) == 12
    day = "2026-11-30"
    assert hashed.written("203.0.113.77") != first, "the key of a day is forgotten"
    assert Addresses("hashed").written("203.0.113.77") != Addresses("hashed").written("203.0.113.77")
    assert shortened.written("testclient") is None


def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AvatarError, match="cannot be written"):
        AuditLog(tmp_path / "file" / "audit.jsonl")
