"""`avatar config`: the settings in force and where each comes from, or a file to begin with."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from avatar.commands.declarations import Setting, declared_settings, sections, without_password
from avatar.commands.flags import add_flags
from avatar.commands.options import Subparsers
from avatar.commands.terminal import say, say_json

if TYPE_CHECKING:
    from avatar.commands.settings import ReadSettings


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "config",
        help="show the settings in force, and where each comes from",
        description="Show what `avatar serve` with the same options would run with, and where each value comes from: a "
        "flag, the environment, the settings file or the default, in this order. Secrets are not shown.",
        usage="%(prog)s [--json | --template] [option ...]",
        epilog="examples:\n"
        "  avatar config\n"
        "  avatar config --template > avatar.toml         a file with every setting, to change what you like\n"
        "  AVATAR_PORT=9000 avatar config --sessions 2 --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print them as JSON")
    form.add_argument("--template", action="store_true", help="print a settings file that says the defaults")
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.template:
        say(*template_lines())
        return 0
    from avatar.commands.settings import read_settings  # noqa: PLC0415

    read = read_settings(args)
    if args.json:
        say_json(as_json(read))
    else:
        say(*shown_lines(read), *_folder_lines())
    return 0


def as_json(read: ReadSettings) -> dict[str, Any]:
    """Return the settings for programs: value and origin of each by its name, a secret's value only if there is one."""
    shown = {}
    for name, setting in declared_settings().items():
        value = read.values[name]
        plain: Any = value if value is None or isinstance(value, bool | int | float) else str(value)
        if setting.declared.secret:
            plain = value and "********"
        elif setting.type is tuple:
            plain = [without_password(text) for text in value]
        elif isinstance(value, tuple):
            plain = setting.shown(value).strip('"')
        shown[name] = {"value": plain, "from": read.origins[name], "section": setting.section or None}
    return {"file": None if read.file is None else str(read.file), "settings": shown}


def shown_lines(read: ReadSettings) -> Iterator[str]:
    """Yield the settings for people, as a file would say them, with where each comes from."""
    yield f"# Settings file: {read.file or 'none (a file to begin with: avatar config --template > avatar.toml)'}"
    for section, settings in _by_section():
        yield from _section_head(section)
        for setting in settings:
            said = f"{setting.name} = {setting.shown(read.values[setting.name])}"
            yield f"{said:<42} # {read.origins[setting.name]}"
    for note in read.notes:
        yield f"# {note}"


def template_lines() -> Iterator[str]:
    """Yield the lines of a settings file in which every setting stands with its default, commented out."""
    yield "# Settings of Avatar. Take the # away from what you change."
    yield "# Flags and environment variables (AVATAR_ and the name in capitals) go before this file."
    for section, settings in _by_section():
        yield from _section_head(section)
        for setting in settings:
            declared = setting.declared
            bounded = declared.kind is not None or setting.type in (int, float)
            doc = f"{declared.doc} ({setting.takes})" if bounded else declared.doc
            yield from textwrap.wrap(doc, 100, initial_indent="# ", subsequent_indent="# ")
            yield f"#{setting.name} = {setting.shown(setting.default)}"


def _section_head(section: str) -> Iterator[str]:
    yield ""
    if section:
        yield f"[{section}]"


def _by_section() -> Iterator[tuple[str, list[Setting]]]:
    for section in sections():
        yield section, [setting for setting in declared_settings().values() if setting.section == section]


def _folder_lines() -> Iterator[str]:
    from avatar.models.store import models_folder  # noqa: PLC0415

    origin = "AVATAR_MODELS" if os.environ.get("AVATAR_MODELS") else "default"
    yield ""
    yield f"# Models are kept in {models_folder()} ({origin})"
