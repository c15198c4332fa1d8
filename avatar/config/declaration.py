"""How a setting is declared: its words, bounds and names, beside its type and default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of text that is more than a text."""

    parse: Callable[[str], Any]
    """Returns the value of a text. Raises ValueError for any other."""
    takes: str
    """What can be parsed, in words."""
    metavar: str
    also_bool: bool = False
    """True and false are values, too: its flag says true without a value, and `--no-...` false."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of a setting beside its type and default."""

    doc: str
    name: str = ""
    """In files and, in capitals, in the environment; empty: that of its field."""
    formerly: str = ""
    """The flag's old name, which still works."""
    variable_formerly: str = ""
    """The environment variable's old name, which still works."""
    metavar: str = ""
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    kind: Kind | None = None
    secret: bool = False
    """Never shown, and no flag: command lines can be read by every user of the machine."""
    holds_password: bool = False
    """It may hold a password beside what is no secret: not shown where values are logged."""
    fills: tuple[str, ...] = ()
    """The fields its value is spread over; empty: its own."""


def setting(default: T, doc: str, **declared: Any) -> T:
    """Return a dataclass field that is a setting; `declared` are further fields of its `Declaration`."""
    made = Declaration(doc, **declared)
    return field(default=default, repr=not (made.secret or made.holds_password), metadata={"setting": made})
