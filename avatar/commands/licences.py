"""Models of others, on the command line: their licence first, then their files, checked and with their checksums."""

from __future__ import annotations

import sys
from pathlib import Path

from avatar.commands.progress import ProgressBar
from avatar.commands.terminal import say
from avatar.errors import ModelError
from avatar.models.hub import PublishedModel, pull_published


def accept_licence(model: PublishedModel, *, accepted: bool) -> None:
    """Show the licence of a model, and of those it works with, and have the user's word.

    Raises:
        ModelError: it is not given.
    """
    for one in model.with_others:
        say(one.origin, f"Licence: {one.licence}. {one.terms}")
    say(f"About {megabytes(model):.0f} MB.")
    if not accepted and not _says_yes("Fetch them? [y/N] "):
        raise ModelError(
            f"{model.name} was not fetched. Without a terminal: avatar models pull {model.name} --accept-licence"
        )


def fetch(model: PublishedModel, folder: Path) -> None:
    """Fetch a model, without those it works with, into a folder, and say each file's sha256. Raises ModelError."""
    with ProgressBar(f"Fetching {model.name}", "B") as bar:
        digests = pull_published(model, folder, lambda _, done, total: bar.update(done, total))
    say(*(f"{file}: sha256 {digest}" for file, digest in digests.items()))


def megabytes(model: PublishedModel) -> float:
    """Return how much a model is, with those it works with."""
    return sum(one.about_bytes for one in model.with_others) / 1e6


def _says_yes(question: str) -> bool:
    return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")
