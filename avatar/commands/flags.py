"""Flags of the settings that a command reads, from their declarations."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from avatar.commands.declarations import PREFIX, Setting, declared_settings, number_text, sections
from avatar.commands.terminal import complain


class _Formerly(argparse.Action):
    """A flag's old name: it works, and says the new one."""

    def __call__(
        self,
        _: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        new = self.const
        complain(f"avatar: {option_string} is called {new} now; the old name still works.")
        setattr(namespace, self.dest, values)


class _Secret(argparse.Action):
    """A secret that stands on a command line, where every user of the machine can read it: refused, never shown."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _: argparse.Namespace,
        __: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        name = str(self.const).removeprefix(PREFIX).lower()
        parser.error(
            f"{option_string} is not taken: every user of this machine can read command lines. Put the secret into the "
            f"environment as {self.const}, or into the settings file as {name} (avatar config --template)."
        )


def add_flags(parser: argparse.ArgumentParser, names: Collection[str] | None = None) -> None:
    """Add the flag of every setting (or those of `names`), in groups as the settings file has them.

    What is not given on the command line is not in the parsed arguments at all: `given_flags` returns the others.
    """
    where = "settings file (default: ./avatar.toml, or the user's own; docs/configuration.md)"
    parser.add_argument("--config", type=Path, metavar="FILE", help=where)
    groups: dict[str, Any] = {}
    for setting in declared_settings().values():
        if setting.flag is None:
            _refuse_secret(parser, setting)
            continue
        if names is not None and setting.name not in names:
            continue
        if setting.section not in groups:
            title = (setting.section or "server").replace("_", " ")
            groups[setting.section] = parser.add_argument_group(title, sections()[setting.section].__doc__)
        _add_flag(groups[setting.section], setting)


def given_flags(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line says, by name, as it says them."""
    return {name: value for name, value in vars(args).items() if name in declared_settings()}


def secret_variables() -> list[str]:
    """Return the environment variables of the settings that have no flag."""
    return [setting.variable for setting in declared_settings().values() if setting.flag is None]


def _refuse_secret(parser: argparse.ArgumentParser, setting: Setting) -> None:
    flag = f"--{setting.name}".replace("_", "-")
    parser.add_argument(
        flag, action=_Secret, nargs="?", const=setting.variable, dest=argparse.SUPPRESS, help=argparse.SUPPRESS
    )


def _add_flag(group: Any, setting: Setting) -> None:
    declared, flag = setting.declared, setting.flag
    common = {"dest": setting.name, "default": argparse.SUPPRESS}
    if declared.kind is not None and declared.kind.also_bool:
        off = f"--no-{setting.name}".replace("_", "-")
        group.add_argument(flag, nargs="?", const=True, metavar=declared.kind.metavar, help=declared.doc, **common)
        group.add_argument(off, action="store_false", help=argparse.SUPPRESS, **common)
        return
    if setting.type is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, help=declared.doc, **common)
        return
    metavar = declared.metavar or (declared.kind.metavar if declared.kind else _metavar(setting))
    action = "append" if setting.type is tuple else "store"
    group.add_argument(flag, action=action, metavar=metavar, help=_help(setting), **common)
    if declared.formerly:
        group.add_argument(declared.formerly, action=_Formerly, const=flag, help=argparse.SUPPRESS, **common)


def _metavar(setting: Setting) -> str:
    if setting.name.endswith("_s"):
        return "SECONDS"
    return "N" if setting.type in (int, float) else setting.name.upper()


def _help(setting: Setting) -> str:
    doc = setting.declared.doc.replace("%", "%%")
    if setting.type is tuple:
        return f"{doc}; may be repeated"
    if setting.default is None or "default:" in doc:
        return doc
    default = setting.shown(setting.default).strip('"')
    declared = setting.declared
    if setting.type in (int, float) and declared.kind is None:
        return f"{doc} (default: {default}; {number_text(declared.at_least)} to {number_text(declared.at_most)})"
    return f"{doc} (default: {default})"
