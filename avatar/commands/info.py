"""`avatar info`: what an `.avatar` file holds, and whose face it says that it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avatar.commands.options import Subparsers
from avatar.commands.terminal import say, say_json
from avatar.errors import AvatarError

if TYPE_CHECKING:
    from avatar.generator.identity import Identity


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "info",
        help="show what an avatar file holds and states",
        description="Show what an .avatar file holds: its photos, and what it states of whose face it is, and by whom.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.avatar")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.generator.identity_file import read_identity  # noqa: PLC0415
    from avatar.identities.builtin import builtin_faces  # noqa: PLC0415
    from avatar.trust.consent import in_words  # noqa: PLC0415

    if not args.file.exists() and str(args.file) in {face.id for face in builtin_faces()}:
        raise AvatarError(
            f"{args.file} is a built-in face and has no file: avatar info shows what an .avatar file holds."
        )
    identity = read_identity(args.file)
    facts = _facts(identity)
    if args.json:
        say_json(facts)
        return 0
    sizes = ", ".join(f"{width} x {height}" for width, height in facts["portraits"])
    first, *others = in_words(identity.consent)
    say(
        f"{args.file}: {identity.name or 'without a name'}",
        f"  photos: {len(identity.portraits)} ({sizes} pixels)",
        f"  fitted to the person: {'yes' if identity.latents is not None else 'no'}",
        f"  whose face: {first}",
        *(f"              {other}" for other in others),
    )
    return 0


def _facts(identity: Identity) -> dict[str, Any]:
    consent = identity.consent
    statement = consent.statement if consent is not None else None
    return {
        "name": identity.name,
        "portraits": [[portrait.rgb.shape[1], portrait.rgb.shape[0]] for portrait in identity.portraits],
        "fitted": identity.latents is not None,
        "consent": None
        if consent is None
        else {
            "holds": consent.problem is None,
            "problem": consent.problem,
            "claim": statement.claim if statement is not None else None,
            "at": statement.at.isoformat() if statement is not None else None,
            "key": statement.key if statement is not None else None,
            "content": statement.content if statement is not None else None,
            "likeness": statement.likeness if statement is not None else None,
        },
    }
