"""Names of calls and of watch links: whoever knows one may use what it names, so nobody can guess one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

NewName: TypeAlias = Callable[[], str]
"""Returns a name that has never been and that nobody can guess: 16 to 64 letters, digits, - or _."""


def new_name() -> str:
    """Return 128 random bits as text."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class ChosenNames:
    """Names that callers have chosen themselves, by which others find them."""

    rooms: tuple[str, ...] = ()
    """Ids of the rooms that somebody is in."""
    watch: tuple[str, ...] = ()
    """Tokens of the watch links of running calls."""
