"""`avatar token`: make a token that lets somebody use a server, for some things and some time."""

from __future__ import annotations

import argparse
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import Subparsers, settings_of
from avatar.commands.terminal import complain, say
from avatar.errors import SettingsError

if TYPE_CHECKING:
    from avatar.server.tokens import Scope

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SECRET_BYTES: Final = 48


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "token",
        help="make a token that lets somebody use a server for a while",
        description="Print a token that a server with the same secret takes, for some things and some time. The server "
        "keeps no list of tokens: all of them end when its secret is changed.",
        usage="%(prog)s [--scope WHAT,...] [--expires TIME] [--avatar ID] [--calls N] | --new-secret",
        epilog="scopes:\n"
        "  call    make calls and join rooms\n"
        "  enroll  upload photos and backgrounds\n"
        "  record  record calls on the server\n"
        "  watch   watch calls by their links, on a server with --guard-watching (included in call)\n"
        "  admin   read /metrics\n\n"
        "examples:\n"
        "  export AVATAR_TOKEN_SECRET=$(avatar token --new-secret)     for the server, and to make tokens with\n"
        "  avatar token --scope call,enroll --expires 2h\n"
        "  avatar token --avatar mira --calls 1 --expires 7d\n\n"
        "The page takes a token at the end of its address: https://HOST:8010/#token=TOKEN. Programs send it as\n"
        "Authorization: Bearer TOKEN. The secret stays in the environment or in the settings file (token_secret).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scope", type=_scopes, default=("call",), metavar="WHAT,...", help="what it allows (default: call)"
    )
    parser.add_argument(
        "--expires", type=_life, default=timedelta(hours=2), metavar="TIME", help="30m, 2h, 7d ... (default: 2h)"
    )
    parser.add_argument("--avatar", metavar="ID", help="calls show this avatar only")
    parser.add_argument("--calls", type=int, metavar="N", help="calls at once (default: as many as the server takes)")
    parser.add_argument("--new-secret", action="store_true", help="print a new secret for AVATAR_TOKEN_SECRET")
    add_flags(parser, ())
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.server.tokens import make_token  # noqa: PLC0415

    if args.new_secret:
        say(secrets.token_urlsafe(_SECRET_BYTES))
        return 0
    secret = settings_of(args).token_secret
    if secret is None:
        raise SettingsError(
            "There is no secret to sign tokens with. Set AVATAR_TOKEN_SECRET, here and for the server, to what this "
            "prints: avatar token --new-secret"
        )
    now = datetime.now(UTC)
    token = make_token(secret, args.scope, args.expires, now=now, avatar=args.avatar, calls=args.calls)
    until = (now + args.expires).astimezone()
    complain(f"avatar: it allows {', '.join(args.scope)} until {until:%Y-%m-%d %H:%M %Z}.")
    say(token)
    return 0


def _scopes(text: str) -> tuple[Scope, ...]:
    from avatar.server.tokens import SCOPES  # noqa: PLC0415

    asked = [one.strip() for one in text.split(",")]
    unknown = [one for one in asked if one not in SCOPES]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no scope {unknown[0]!r}: choose of {', '.join(SCOPES)}")
    return tuple(one for one in SCOPES if one in asked)


def _life(text: str) -> timedelta:
    from avatar.server.tokens import LONGEST_LIFE  # noqa: PLC0415

    found = re.fullmatch(r"(\d{1,8})([smhd])", text.strip())
    life = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30m, 2h or 7d, up to {LONGEST_LIFE.days}d")
    return life
