"""What a file says of itself: one reader for each kind of mark, each with a finding of the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol


class Verdict(Enum):
    """What a reader came to."""

    FOUND = "found"
    """The mark is there and holds."""
    BROKEN = "broken"
    """The mark is there, and does not fit the file: it was altered since, or the mark is of another one."""
    ABSENT = "absent"
    """There is none, which does not say that the file is real: marks can be taken out."""
    UNREADABLE = "unreadable"
    """It could not be looked for: a library is missing, or files of this kind carry no such mark."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one reader says of one file."""

    kind: str
    """The mark, as users know it: "content credentials (C2PA)"."""
    verdict: Verdict
    sentences: tuple[str, ...] = ()
    """In plain words what was found, how sure that is, or why it could not be looked for."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs: texts, numbers, truth values and lists of these, as JSON has them."""
    generated: bool | None = True
    """Whether the mark says that what is shown is generated; False: that it is not; None: it says nothing of that."""
    false_alarm: float | None = None
    """How often, 0..1, a file without the mark would be found to have it; None: never, it was signed."""


class MarkReader(Protocol):
    """Looks for one kind of mark."""

    @property
    def kind(self) -> str:
        """As in its findings."""
        ...

    def read(self, path: Path) -> Finding:
        """Say what a file, which is there, has of this mark.

        Whatever is in the file, this returns: what is damaged is `UNREADABLE`. May take seconds, and blocks.

        Raises:
            AvatarError: the file cannot be read at all.
        """
        ...
