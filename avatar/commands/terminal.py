"""What commands print: nothing in it moves the terminal, as names and answers of others stand in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from avatar.plain_text import plain, plain_lines


def say(*lines: object) -> None:
    """Print lines, at once."""
    for line in lines:
        print(plain(line), flush=True)


def say_json(facts: Mapping[str, object]) -> None:
    """Print facts for programs: JSON, ASCII alone."""
    print(json.dumps(facts, indent=2), flush=True)


def complain(text: object) -> None:
    """Print to standard error what is no result of the command; a text of several lines may be one of ours."""
    print(plain_lines(text), file=sys.stderr, flush=True)
