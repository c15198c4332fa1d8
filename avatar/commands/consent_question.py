"""Asks at the terminal whose face it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from avatar.commands.terminal import complain, say

_TRIES: Final = 3
ANSWERS: Final = {
    "self": "my own",
    "permitted": "somebody else's, who has agreed that I use it here",
    "nobody": "no real person's: it is drawn or generated",
}
"""What people can say of a face (`avatar.trust.consent`), in the words that they are asked with."""


def can_ask() -> bool:
    """Return whether somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def ask_claim(read: Callable[[str], str] = input) -> str | None:
    """Ask whose face it is; return one of `ANSWERS`, None where nobody says.

    `read` shows a prompt and returns what is typed; raises EOFError at its end.
    """
    say("Whose face is it? What you say is signed, and kept in the file.")
    say(*(f"  {number}  {words} ({claim})" for number, (claim, words) in enumerate(ANSWERS.items(), 1)))
    numbers = {str(number): claim for number, claim in enumerate(ANSWERS, 1)}
    for _ in range(_TRIES):
        try:
            typed = read("1, 2 or 3: ").strip().lower()
        except EOFError:
            return None
        if (claim := numbers.get(typed, typed)) in ANSWERS:
            return claim
        complain("Type one of the numbers, or Ctrl-C to leave it.")
    return None
