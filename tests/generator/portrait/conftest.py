"""LivePortrait's networks with seeded weights, written once for all tests: half a gigabyte, half a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar.generator.portrait.tier import WEIGHTS
from benchmarks.seeded_weights import seeded_models, write_published


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints as the hub lays them out, with seeded weights."""
    pytest.importorskip("torch", reason="LivePortrait's networks need the extra `portrait`")
    folder = tmp_path_factory.mktemp("published")
    write_published(folder)
    return folder


@pytest.fixture(scope="session")
def seeded_folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models in which they are ready to draw, for the variable AVATAR_MODELS."""
    with seeded_models(tmp_path_factory.mktemp("models"), published) as folder:
        return folder


@pytest.fixture(scope="session")
def seeded_weights(seeded_folder: Path) -> Path:
    """The file of their weights."""
    return seeded_folder / WEIGHTS
