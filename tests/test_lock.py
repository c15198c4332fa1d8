"""What `make setup` installs is what was tested, to the byte."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = [entry for entry in re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE) if not entry.startswith("#")]
PINNED = {canonicalize_name(entry.split("==")[0]): re.split(r"[ ;]", entry.split("==")[1])[0] for entry in ENTRIES}


ENTRY = re.compile(r"[a-z0-9.-]+==\S+( ; [^\n]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n(    #[^\n]*\n)*")


def test_every_locked_package_has_hashes_and_comes_from_the_public_index() -> None:
    assert [entry for entry in ENTRIES if not ENTRY.fullmatch(entry)] == []
    assert not re.search(r"index-url|find-links|file:|https?:| @ ", LOCK)


def test_the_lock_holds_what_the_project_and_its_tests_need_and_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["project"]["dependencies"], *extras["dev"], *extras["echo"], *extras["voice"],
        *project["build-system"]["requires"],
    ]  # fmt: skip
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(PINNED[canonicalize_name(requirement.name)]), f"{requirement}: make lock"
    assert "torch" not in PINNED


def test_setup_installs_nothing_that_has_no_hash() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = re.search(r"^\$\(INSTALLED\):.*?\n\n", makefile, re.MULTILINE | re.DOTALL)
    assert setup is not None
    installs = re.findall(r"^\t@\$\(PIP_INSTALL\) (.*)$", setup[0], re.MULTILINE)
    assert installs == ["--require-hashes -r requirements.lock", "--no-deps --no-build-isolation -e ."]
