"""The settings that `avatar.config` declares, one by one, with their names as flag, variable and line of a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from avatar.config import Declaration, ServerSettings

PREFIX = "AVATAR_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    section: str
    """The section of a file that it stands in, which is the field of `ServerSettings`; empty: none."""
    type: type
    """bool, int, float, str, Path or tuple (of texts)."""
    default: Any
    fields: tuple[str, ...]
    """The fields of the section's dataclass that it fills."""
    declared: Declaration

    @property
    def flag(self) -> str | None:
        """Its flag on the command line; None for a secret. One flag names one of several texts."""
        if self.declared.secret:
            return None
        return f"--{self.name.removesuffix('s') if self.type is tuple else self.name}".replace("_", "-")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{PREFIX}{self.name.upper()}"

    @property
    def takes(self) -> str:
        """What it can be, in words."""
        declared = self.declared
        if declared.kind is not None:
            return declared.kind.takes
        if declared.choices:
            return f"one of {', '.join(declared.choices)}"
        if self.type in (int, float):
            number = "a whole number" if self.type is int else "a number"
            return f"{number} from {number_text(declared.at_least)} to {number_text(declared.at_most)}"
        return {bool: "true or false", Path: "a path", tuple: "a list of texts"}.get(self.type, "a text of one line")

    def shown(self, value: Any) -> str:
        """Return a value as a file would say it; a secret is never shown."""
        if self.declared.secret and value:
            return '"********"'
        if isinstance(value, tuple) and self.type is not tuple:
            value = "x".join(str(part) for part in value)
        if isinstance(value, tuple):
            return f"[{', '.join(self.shown_text(without_password(text)) for text in value)}]"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return number_text(value)
        return '""' if value is None else self.shown_text(str(value))

    @staticmethod
    def shown_text(text: str) -> str:
        """Return a text in quotes."""
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def without_password(address: str) -> str:
    """Return an address in which no password can be read."""
    return re.sub(r":[^:@]*@", ":********@", address)


def number_text(number: float | None) -> str:
    """Return a number as TOML writes it, its thousands apart where there are many: 8010, 10_000_000, 0.5."""
    text = f"{number:_.0f}" if number is not None and number == int(number) else f"{number:g}"
    return text if len(text) > 5 else text.replace("_", "")


@cache
def declared_settings() -> Mapping[str, Setting]:
    """Return every setting by its name."""
    return {setting.name: setting for setting in _declared_in(ServerSettings, "")}


@cache
def sections() -> Mapping[str, type]:
    """Return the dataclass of every section by its name; "" is that of the server itself."""
    hints = get_type_hints(ServerSettings)
    nested = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    return {"": ServerSettings, **{name: hint for name, hint in nested.items() if isinstance(hint, type)}}


def _declared_in(group: type, section: str) -> Iterator[Setting]:
    hints = get_type_hints(group)
    fields = {field.name: field for field in dataclasses.fields(group)}
    for name, field in fields.items():
        declared = field.metadata.get("setting")
        if declared is None and dataclasses.is_dataclass(hints[name]):
            yield from _declared_in(hints[name], name)
            continue
        if declared is None:
            continue
        filled = declared.fills or (name,)
        defaults = tuple(fields[each].default for each in filled)
        default = defaults if declared.fills else defaults[0]
        yield Setting(declared.name or name, section, _plain(hints[name]), default, filled, declared)


def _plain(hint: Any) -> type:
    """Return the type that a hint such as `Path | None` or `tuple[str, ...]` is about."""
    if isinstance(hint, type):
        return hint
    first: type = get_args(hint)[0]
    return tuple if getattr(hint, "__origin__", None) is tuple else first
