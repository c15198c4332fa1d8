"""One finding about this machine, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    state: Literal["ok", "warn", "fail"]
    """fail: the product does not work without it; warn: something may not work, or works less well."""
    what: str
    do: str = ""
    """What to do about it; empty when there is nothing to do."""
