"""What `make setup` installs is what was tested, to the byte."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
IMAGE_LOCK = (ROOT / "requirements-run.lock").read_text(encoding="utf-8")


def entries(lock: str) -> list[str]:
    return [entry for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE) if not entry.startswith("#")]


def pinned(lock: str) -> dict[str, set[str]]:
    """Each package with its versions: there may be one for each Python."""
    versions: dict[str, set[str]] = {}
    for entry in entries(lock):
        name, rest = entry.split("==", 1)
        versions.setdefault(canonicalize_name(name), set()).add(re.split(r"[ ;]", rest)[0])
    return versions


PINNED = pinned(LOCK)
ENTRY = re.compile(r"[a-z0-9.-]+==\S+( ; [^\n]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n(    #[^\n]*\n)*")


def test_every_locked_package_has_hashes_and_comes_from_the_public_index() -> None:
    for lock in (LOCK, IMAGE_LOCK):
        assert [entry for entry in entries(lock) if not ENTRY.fullmatch(entry)] == []
        assert not re.search(r"index-url|find-links|file:|https?:| @ ", lock)


def test_the_lock_holds_what_the_project_and_its_tests_need_and_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    installed = [each for name in ("dev", "camera", "echo", "telemetry", "trust", "voice") for each in extras[name]]
    wanted = [*project["project"]["dependencies"], *installed, *project["build-system"]["requires"]]
    for requirement in map(Requirement, wanted):
        for version in PINNED[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(version), f"{requirement}: make lock"
    assert "torch" not in PINNED


def test_the_image_gets_the_versions_that_were_tested_and_no_tools() -> None:
    image = pinned(IMAGE_LOCK)
    assert image.pop("opencv-contrib-python-headless") == PINNED["opencv-contrib-python"]
    assert "opencv-contrib-python==" not in re.sub(r"==\S+ ; sys_platform == 'never'", "", IMAGE_LOCK)
    assert {name: versions for name, versions in image.items() if versions != PINNED.get(name)} == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    assert wanted | {"hatchling"} <= set(image)
    assert not {"mypy", "pytest", "ruff", "selenium"} & set(image)


def test_setup_installs_nothing_that_has_no_hash() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = re.search(r"^\$\(INSTALLED\):.*?\n\n", makefile, re.MULTILINE | re.DOTALL)
    assert setup is not None
    installs = re.findall(r"^\t@\$\(PIP_INSTALL\) (.*)$", setup[0], re.MULTILINE)
    assert installs == ["--require-hashes -r requirements.lock", "--no-deps --no-build-isolation -e ."]
