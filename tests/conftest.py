"""Fixtures of every test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def loopback() -> ModuleType:
    """The two ends of a call, `tests/loopback.py`; imported only where a test makes calls."""
    path = Path(__file__).with_name("loopback.py")
    spec = importlib.util.spec_from_file_location("loopback", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loopback"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module
