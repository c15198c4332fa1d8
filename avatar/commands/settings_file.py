"""The settings file: which one is read, and what it says, in TOML."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from platformdirs import user_config_path

from avatar.commands.declarations import declared_settings, sections
from avatar.errors import SettingsError

FILE_NAME: Final = "avatar.toml"
MAX_FILE_BYTES: Final = 100_000
_HEADER: Final = re.compile(r"\s*\[\s*([\w-]+)\s*\]")
_LINE: Final = re.compile(r"""\s*(?:(\w+)\.)?["']?([\w-]+)["']?\s*=""")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file says."""

    values: Mapping[str, Any]
    """By the names of the settings; not checked yet."""
    lines: Mapping[str, int]
    """The line that says each, from 1."""


def find_file(chosen: Path | None) -> Path | None:
    """Return the file to read: `chosen`, that of AVATAR_CONFIG, ./avatar.toml or the user's own; None: none.

    Raises SettingsError for the home folder (~NAME) of nobody.
    """
    named = chosen if chosen is not None else os.environ.get("AVATAR_CONFIG")
    if named:
        try:
            return Path(named).expanduser()
        except RuntimeError as error:
            raise SettingsError(f"The settings file {named} cannot be read: there is no such home folder.") from error
    usual = (Path(FILE_NAME), user_config_path("avatar", appauthor=False) / FILE_NAME)
    return next((path for path in usual if path.is_file()), None)


def read_file(path: Path) -> SettingsFile:
    """Return what a settings file says. An empty text says nothing; relative paths count from the file's folder.

    Raises:
        SettingsError: it cannot be read, is no TOML, or says what is no setting; names the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise SettingsError(f"The settings file {path} is larger than {MAX_FILE_BYTES:,} bytes: it is none.")
    try:
        text = data.decode("utf-8-sig")  # some editors put a mark at the beginning
        said = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"The settings file {path} is no TOML: {error}.") from error
    lines = dict(_lines(text))
    values: dict[str, Any] = {}
    for section, name, value in _entries(said):
        setting = declared_settings().get(name)
        if setting is None or setting.section != section:
            line = lines.get((section, name))
            where = f"{path}, line {line}" if line else str(path)
            raise SettingsError(f"{where}: {_unknown(section, name)}")
        if value in ("", []):
            continue
        if setting.type is Path and isinstance(value, str) and not value.startswith("~"):
            value = str(path.parent / value)  # noqa: PLW2901
        values[name] = value
    return SettingsFile(values, {name: line for (_, name), line in lines.items() if name in values})


def nearest(name: str, known: Collection[str]) -> str:
    """Return a question for the known name that is most like another; empty where none is."""
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _entries(said: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (section, name, value) of everything a file says."""
    for key, value in said.items():
        if isinstance(value, dict) and key in sections():
            for name, inner in value.items():
                yield key, name, inner
        else:
            yield "", key, value


def _unknown(section: str, name: str) -> str:
    if not section and name in sections():
        return f"{name} is a section: write [{name}] and its settings below."
    known = declared_settings().get(name)
    if known is not None:
        place = f"in the section [{known.section}]" if known.section else "above the first section"
        return f"{name} belongs {place}."
    here = [setting.name for setting in declared_settings().values() if setting.section == section]
    named = nearest(name, here + list(declared_settings()) + ([] if section else list(sections())))
    return f"there is no setting {name}{named}. All there are: avatar config"


def _lines(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield ((section, name), number) of every line that says a value or begins a section."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header[1]
            yield ("", section), number
        elif entry := _LINE.match(line):
            yield (entry[1] or section, entry[2]), number
