"""Cues with their times, as a file lists them.

    # seconds, or minutes:seconds, then words of `cues`
    1.5     smile warmly
    0:03.2  nod                 # until the end of the line: a note

or as JSON: [{"time_s": 1.5, "cue": "smile warmly"}, {"time_s": 3.2, "cue": "nod"}]
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avatar.errors import CueError
from avatar.motion.cues import Cue, understand

MOST_BYTES: Final = 1_000_000
"""Of a file."""
MOST_CUES: Final = 10_000
"""In a file: one a second for almost three hours."""
LATEST_S: Final = 1e9
"""What seconds in JSON may be, at most: as in lines, more than any clip lasts."""
LONGEST_QUOTE: Final = 60
"""Letters of a line that an error repeats."""

_LINE: Final = re.compile(r"(?:(\d{1,6}):)?(\d{1,9}(?:\.\d{1,9})?)\s+(\S.*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimedCue:
    """What to do from a moment on."""

    time_s: float
    """Seconds from the beginning."""
    text: str
    """As it was written."""
    cues: tuple[Cue, ...]
    """What the text asks for."""


def read_cue_list(path: Path) -> tuple[TimedCue, ...]:
    """Return the cues of a file by rising time.

    Raises:
        CueError: the file cannot be read, is too long or no text, or a line is not understood: which one, and what
            would be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CueError(f"{path} cannot be read: {error.strerror}.", code="bad_cue_list") from error
    if len(data) > MOST_BYTES:
        raise CueError(f"{path} has more than {MOST_BYTES:,} bytes: that is no list of cues.", code="bad_cue_list")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CueError(f"{path} is no text in UTF-8: that is no list of cues.", code="bad_cue_list") from error
    return parse_cue_list(text, str(path))


def parse_cue_list(text: str, name: str) -> tuple[TimedCue, ...]:
    """Return the cues of a text by rising time; `name` is what errors call it.

    Raises:
        CueError: a line, or an entry of JSON, is not understood; there are more than `MOST_CUES`.
    """
    rows = _json_rows(text, name) if text.lstrip().startswith("[") else _line_rows(text, name)
    if len(rows) > MOST_CUES:
        raise CueError(f"{name} has {len(rows):,} cues: at most {MOST_CUES:,}.", code="bad_cue_list")
    timed = []
    for where, time_s, words in rows:
        try:
            timed.append(TimedCue(time_s, words, understand(words)))
        except CueError as error:
            raise CueError(f"{where}: {error}") from error
    return tuple(sorted(timed, key=lambda one: one.time_s))


def _line_rows(text: str, name: str) -> list[tuple[str, float, str]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        found = _LINE.fullmatch(said)
        if found is None:
            raise CueError(
                f"{name}, line {number}: {said[:LONGEST_QUOTE]!r} is no time and cue. A line is seconds, or "
                'minutes:seconds, then a cue: "1.5 smile warmly" or "0:03.2 nod".',
                code="bad_cue_list",
            )
        minutes, seconds, words = found.groups()
        rows.append((f"{name}, line {number}", 60 * int(minutes or 0) + float(seconds), words))
    return rows


def _json_rows(text: str, name: str) -> list[tuple[str, float, str]]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise CueError(f"{name}, line {error.lineno}: not JSON: {error.msg}.", code="bad_cue_list") from error
    except (ValueError, RecursionError) as error:
        raise CueError(f"{name} is not JSON that could be a list of cues.", code="bad_cue_list") from error
    rows = []
    for number, entry in enumerate(entries, start=1):
        where = f"{name}, entry {number}"
        if not isinstance(entry, dict) or entry.keys() != {"time_s", "cue"}:
            raise CueError(f'{where}: an entry is {{"time_s": 1.5, "cue": "nod"}}, no more.', code="bad_cue_list")
        time_s, words = entry["time_s"], entry["cue"]
        if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not 0 <= time_s <= LATEST_S:
            raise CueError(f'{where}: "time_s" is a number of seconds from 0 on.', code="bad_cue_list")
        rows.append((where, float(time_s), words))
    return rows
