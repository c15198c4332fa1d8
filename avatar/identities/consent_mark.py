"""Reads what an `.avatar` file states of whose face it is, as one of the marks that `avatar verify` looks for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from avatar.errors import AvatarError, IdentityFileError
from avatar.generator.identity_file import FORMAT, read_identity
from avatar.trust.consent import in_words
from avatar.trust.marks import Finding, Verdict

_HEAD: Final = 4096
"""Bytes of a file in which the name of its format stands, where it is one of ours."""


class ConsentMark:
    """The reader of this mark."""

    kind = "consent"

    def read(self, path: Path) -> Finding:
        """Say what a file states; see `MarkReader`."""
        try:
            with path.open("rb") as file:
                ours = FORMAT.encode() in file.read(_HEAD)
        except OSError as error:
            raise AvatarError(f"Cannot read {path}: {error.strerror or error}.") from error
        if not ours:
            return Finding(self.kind, Verdict.UNREADABLE, ("Only .avatar files state it.",), generated=None)
        try:
            consent = read_identity(path).consent
        except IdentityFileError as error:
            return Finding(self.kind, Verdict.UNREADABLE, (str(error),), generated=None)
        if consent is None:
            return Finding(self.kind, Verdict.ABSENT, generated=None)
        verdict = Verdict.FOUND if consent.problem is None else Verdict.BROKEN
        values: dict[str, str | float] = {}
        if (statement := consent.statement) is not None:
            values = {"claim": statement.claim, "at": statement.at.isoformat(), "key": statement.key}
            if statement.likeness is not None:
                values["likeness"] = statement.likeness
        return Finding(self.kind, verdict, in_words(consent), values, generated=None)
