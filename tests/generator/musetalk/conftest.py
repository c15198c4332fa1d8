"""MuseTalk's networks, tiny and with seeded weights, from a hub on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from avatar.commands.main import main
from avatar.generator.musetalk.tier import PACKAGES, load_musetalk
from benchmarks.seeded_musetalk import write_published


@pytest.fixture(scope="session")
def hub(
    tmp_path_factory: pytest.TempPathFactory, serve_hub: Callable[[Path], AbstractContextManager[str]]
) -> Iterator[tuple[Path, str]]:
    """A hub on this machine: the folder that it serves, and its address."""
    for package in PACKAGES:
        pytest.importorskip(package, reason="MuseTalk's networks need the extra `musetalk`")
    folder = tmp_path_factory.mktemp("hub")
    write_published(folder)
    with serve_hub(folder) as address:
        yield folder, address


@pytest.fixture(scope="session")
def pulled(hub: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of models after `avatar models pull musetalk`, for the variable AVATAR_MODELS."""
    models = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AVATAR_MODELS", str(models))
        environment.setenv("HF_ENDPOINT", hub[1])
        assert main(["models", "pull", "musetalk", "--accept-licence"]) == 0
    return models


@pytest.fixture
def musetalk(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, found by what is opened in the test."""
    monkeypatch.setenv("AVATAR_MODELS", str(pulled))
    load_musetalk.cache_clear()
    yield pulled
    load_musetalk.cache_clear()
