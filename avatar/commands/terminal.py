"""What commands print: nothing in it moves the terminal, as names and answers of others stand in it."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

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
    print(with_own_pip(plain_lines(text)), file=sys.stderr, flush=True)


def begin(what: str) -> None:
    """Say at a terminal, before the seconds that it takes, what is done now; logs stay clean."""
    if sys.stderr.isatty():
        complain(f"avatar: {what} ...")


def with_own_pip(text: str) -> str:
    """Return a text whose `pip install 'avatar[...]'` reaches the environment that this program runs in.

    Where another one's pip is what the shell would find, as without an activated .venv, that one knows no such package
    or a stranger's.
    """
    python, found = Path(sys.executable), shutil.which("pip")
    if found is not None and Path(found).parent == python.parent:
        return text
    return text.replace("pip install 'avatar[", f"{shlex.quote(str(python))} -m pip install 'avatar[")
