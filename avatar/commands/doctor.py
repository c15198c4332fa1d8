"""`avatar doctor`: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import Subparsers, settings_of
from avatar.commands.terminal import say, say_json, with_own_pip
from avatar.plain_text import plain

if TYPE_CHECKING:
    from avatar.commands.check import Check

_SIGNS: Final = {"ok": ("32", "ok  "), "warn": ("33", "WARN"), "fail": ("31", "FAIL")}


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what works on this machine, and how to mend what does not",
        description="Try everything the product needs of this machine: libraries, codecs, models, the face tracker, "
        "engines, cameras, the port. Ends with 1 only when something essential is missing.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--system", action="store_true", help="look at the system libraries only, as `make setup` does")
    add_flags(parser, ("port",))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.commands.diagnostics import examine, require_system_libraries  # noqa: PLC0415

    if args.system:
        require_system_libraries()
        return 0

    checks = examine(settings_of(args).port)
    if args.json:
        findings = list(checks)
        failed = any(check.state == "fail" for check in findings)
        say_json({"ok": not failed, "checks": [asdict(check) for check in findings]})
        return 1 if failed else 0
    failed = show_checks(checks)
    if failed:
        say("Something essential is missing: see the lines marked FAIL.")
    return 1 if failed else 0


def show_checks(checks: Iterable[Check]) -> bool:
    """Print findings as they are made; return whether one is a failure."""
    failed, colour = False, sys.stdout.isatty()
    for check in checks:
        failed |= check.state == "fail"
        code, sign = _SIGNS[check.state]
        print(f"\033[{code}m{sign}\033[0m" if colour else sign, plain(f"{check.name}: {check.what}"), flush=True)  # noqa: T201
        if check.do:
            say(f"       -> {with_own_pip(check.do)}")
    return failed
