"""What people install: the wheel, away from the checkout it was built from."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
READY = re.compile(r"ready: (http://\S+)/")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, as an installer lays it out."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def command(installed: Path, *arguments: str) -> list[str]:
    """The installed command `avatar`: what its entry point in the wheel names, with no way back into the checkout."""
    (file,) = installed.glob("*.dist-info/entry_points.txt")
    points = configparser.ConfigParser()
    points.read(file)
    module, function = points["console_scripts"]["avatar"].split(":")
    start = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); import avatar; "
        f"assert avatar.__file__.startswith({str(installed)!r}); "
        f"from {module} import {function}; sys.exit({function}())"
    )
    return [sys.executable, "-c", start, *arguments]


def elsewhere() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def address(installed: Path, face_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that runs from the wheel."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(
            command(installed, "serve", "--loopback", "--port", "0"),
            cwd=folder, env=elsewhere(), stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert server.stdout is not None
        found = next(filter(None, map(READY.search, server.stdout)), None)
        log.seek(0)
        assert found is not None, log.read()
        yield found[1]
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0


def get(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_the_page_comes_with_every_script_and_style_it_names(address: str) -> None:
    kind, page = get(f"{address}/")
    assert kind.startswith("text/html")
    waiting = set(re.findall(r'(?:src|href)="(/client/[^"]+)"', page.decode()))
    assert {Path(path).suffix for path in waiting} == {".js", ".css", ".svg"}
    client = ROOT / "client"
    for file in client.rglob("*.*"):
        _, content = get(f"{address}/client/{file.relative_to(client).as_posix()}")
        assert content == file.read_bytes()


def test_it_answers_and_shows_every_built_in_face(address: str) -> None:
    assert json.loads(get(f"{address}/healthz")[1])["status"] == "ok"
    assert json.loads(get(f"{address}/api/config")[1])["picture"]["width"] > 0
    faces = json.loads(get(f"{address}/api/avatars")[1])["avatars"]
    assert {"mira", "astronaut"} <= {face["id"] for face in faces}
    for face in faces:
        kind, picture = get(f"{address}/api/avatars/{face['id']}/preview.jpg")
        assert kind == "image/jpeg" and picture[:2] == b"\xff\xd8"


def test_it_says_to_type_checkers_that_it_is_typed(installed: Path) -> None:
    assert (installed / "avatar" / "py.typed").is_file()


def test_it_brings_no_training_tests_or_benchmarks(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {"avatar"}
    assert not list(installed.rglob("training"))


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("_client", "lacks its page: there is neither"),
        ("_client/protocol", "lacks files of its page: protocol/"),
    ],
)
def test_a_wheel_without_the_pages_files_says_what_is_missing(
    installed: Path, face_model: Path, tmp_path: Path, lost: str, named: str
) -> None:
    partial = tmp_path / "site"
    shutil.copytree(installed, partial)
    part = partial / "avatar" / lost
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    server = subprocess.run(
        command(partial, "serve", "--loopback", "--port", "0"),
        check=False, cwd=tmp_path, env=elsewhere(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert server.returncode == 1
    (sentence,) = server.stderr.splitlines()
    assert named in sentence
    assert "pip install" in sentence
