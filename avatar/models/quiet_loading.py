"""Models of the package transformers, loaded without its progress bar: a server's terminal and log are its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_loading(transformers: Any) -> Iterator[None]:
    """Load within; afterwards the package shows bars again where it did. `transformers`: as imported."""
    settings = transformers.utils.logging
    shown = settings.is_progress_bar_enabled()
    settings.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            settings.enable_progress_bar()
