"""Text that others wrote, for a terminal or a log: names of files and devices, what a server or a library answered."""

from __future__ import annotations

import logging


def plain(text: object) -> str:
    """Return a text as one line of which a terminal obeys nothing.

    Letters that cannot be printed (control characters, line breaks, changes of direction, bytes of a name that are no
    text) stand there as Python writes them: `\\x1b`.
    """
    return "".join(letter if letter.isprintable() else _written(letter) for letter in str(text))


def plain_lines(text: object) -> str:
    """Return a text as `plain` lines, all but the first indented, so that none looks like an entry of its own."""
    return "\n    ".join(map(plain, str(text).split("\n")))


def in_bytes(count: float) -> str:
    """Return a number of bytes as people read it: `250 kB`, `1.5 MB`, `100 MB`."""
    unit, amount = ("MB", count / 1e6) if count >= 1e6 else ("kB", count / 1e3)
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}" if amount < 10 else f"{amount:.0f} {unit}"


class PlainFormatter(logging.Formatter):
    """Writes log entries, and the tracebacks with them, as `plain_lines`."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_lines(super().format(record))


def _written(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
