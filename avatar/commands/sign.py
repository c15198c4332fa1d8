"""`avatar sign`: content credentials for files that were made here and could not be signed then."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import Subparsers, settings_of
from avatar.commands.terminal import complain, say
from avatar.errors import AvatarError, TrustError

if TYPE_CHECKING:
    from avatar.trust.signing import FileSigner, Input

QUIET_S: Final = 10.0
"""A recording is written to twice a second: one that was not for so long has ended."""


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "sign",
        help="sign files that were made here and are not signed yet",
        description="Write content credentials (C2PA) into movies and pictures that were made here: recordings that a "
        "crash or a cut of the power ended before they were signed, or that were made without --sign. Files are known "
        "by the invisible mark in their pictures; what a recording was cut off in the middle of, half a second at "
        "most, is left out.",
        epilog="examples:\n"
        "  avatar sign recordings/*.mp4\n"
        "  avatar sign out.mp4 --avatar me.avatar --sign-cert CERT.pem --sign-key KEY.pem",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="MP4, JPEG or PNG")
    parser.add_argument(
        "--avatar", type=Path, metavar="FILE.avatar", help="the avatar that is shown, to be named in it"
    )
    parser.add_argument(
        "--force", action="store_true", help="sign what has no mark of ours, or credentials that do not fit any more"
    )
    add_flags(parser, ("tier", "watermark_key", "sign_cert", "sign_key", "key_folder"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 where a file could not be signed."""
    from dataclasses import replace  # noqa: PLC0415

    from avatar.generator.identity_file import content_hash, read_identity  # noqa: PLC0415
    from avatar.trust.signing import FileSigner, Input, source_type  # noqa: PLC0415

    settings = settings_of(args)
    signer = FileSigner.of(replace(settings.trust, sign=True))
    assert signer is not None  # as it is wanted  # noqa: S101
    inputs = [] if args.avatar is None else [Input("avatar", content_hash(read_identity(args.avatar)))]
    refused = 0
    for path in args.files:
        try:
            _require_finished(path)
            said = _sign(
                path,
                signer,
                source_type(settings.picture.tier),
                inputs,
                key=settings.picture.watermark_key,
                force=args.force,
            )
        except AvatarError as error:
            complain(f"avatar: {error}")
            refused += 1
        else:
            say(f"{path}: {said}")
    return 1 if refused else 0


def _require_finished(path: Path) -> None:
    """Raise AvatarError where there is no file that could be signed, or it is still being written."""
    from avatar.trust.signing import MIME_TYPES  # noqa: PLC0415

    if not path.is_file():
        raise AvatarError(f"{path} is {'no file' if path.exists() else 'not there'}.")
    if path.suffix.lower() not in MIME_TYPES:
        raise AvatarError(f"{path} is of a kind that is not signed: {', '.join(MIME_TYPES)} are.")
    if abs(time.time() - path.stat().st_mtime) < QUIET_S:
        raise AvatarError(f"{path} was written to just now, and may be a recording that goes on. Try again later.")


def _sign(path: Path, signer: FileSigner, source: str, inputs: Sequence[Input], *, key: str | None, force: bool) -> str:
    """Sign one file; return what was done, in words. `key`: of its watermark. Raises AvatarError."""
    from avatar.trust.content_credentials import ContentCredentials  # noqa: PLC0415
    from avatar.trust.marks import Verdict  # noqa: PLC0415
    from avatar.trust.watermark_reader import Watermark  # noqa: PLC0415

    verdict = ContentCredentials().read(path).verdict
    if verdict is Verdict.FOUND:
        return "it is signed already"
    if verdict is Verdict.BROKEN and not force:
        raise TrustError(
            f"{path} has content credentials that do not fit it: it was altered since. If you know how, --force signs "
            "it as it is now."
        )
    if not force and Watermark(key).read(path).verdict is not Verdict.FOUND:
        raise TrustError(
            f"{path} has no invisible mark of an avatar in its pictures: nothing shows that it was made here. If you "
            "know that it was (with --watermark off, say), --force signs it."
        )
    signer.sign(path, source, inputs, made=datetime.fromtimestamp(path.stat().st_mtime, UTC))
    return "signed"
