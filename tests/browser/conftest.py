"""Fixtures of the tests in a real browser; all of them skip where there is none."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

LOST_S: Final = 15.0
"""By then a server has dropped a caller who vanished, or never connected."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"browser_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def chromium() -> ModuleType:
    """The module that drives Chromium."""
    pytest.importorskip("selenium", reason="needs selenium (pip install 'avatar[dev]')")
    from benchmarks.clients.chromium import missing  # noqa: PLC0415 - it imports selenium

    if (reason := missing()) is not None:
        pytest.skip(reason)
    return _load("chromium")


@pytest.fixture(scope="session")
def recorder() -> ModuleType:
    """The module that records what comes back."""
    return _load("recorder")


@pytest.fixture(scope="session")
def server_process(chromium: ModuleType) -> ModuleType:
    """The module that starts servers."""
    return _load("server_process")


@pytest.fixture(scope="session")
def server(server_process: ModuleType) -> Iterator[Any]:
    """A server that many tests share; it goes by the name avatar.test too."""
    with server_process.ServerProcess("--allow-host", "avatar.test", "--quality", "fixed", "--overbook") as process:
        yield process


@pytest.fixture(autouse=True)
def places(request: pytest.FixtureRequest) -> None:
    """Wait until calls of earlier tests are gone: the shared server has room for few, and says so."""
    if "server" in request.fixturenames:
        shared, end_s = request.getfixturevalue("server"), time.monotonic() + LOST_S
        while shared.sessions() and time.monotonic() < end_s:
            time.sleep(0.05)


@pytest.fixture(scope="session")
def face_camera(
    chromium: ModuleType, face_clips: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A camera that shows a face that talks."""
    camera = _load("face_camera").make_face_camera(tmp_path_factory.mktemp("camera"), face_clips.pictures("lin", 4.0))
    yield camera
    camera.video.unlink()  # a hundred megabytes, and pytest keeps its folders


@pytest.fixture(scope="session")
def speaking_microphone(face_camera: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A microphone in which somebody speaks, and waits, and speaks again."""
    from avatar.errors import VoiceError  # noqa: PLC0415

    try:
        return _load("speaking_microphone").make_speaking_microphone(
            tmp_path_factory.mktemp("microphone"), face_camera.video
        )
    except VoiceError as error:
        pytest.skip(f"needs a voice (pip install 'avatar[voice]'): {error}")
