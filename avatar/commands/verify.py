"""`avatar verify`: what a picture, a movie or an `.avatar` file says of where it comes from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import Subparsers, settings_of
from avatar.commands.terminal import begin, say, say_json
from avatar.errors import AvatarError

if TYPE_CHECKING:
    from avatar.trust.marks import Finding, MarkReader

UNREADABLE: Final = 1
NOTHING_FOUND: Final = 3
BROKEN: Final = 4
NOT_GENERATED: Final = 5
"""Exit codes beside 0 (a mark was found, and holds) and 2 (of the command line)."""


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "verify",
        help="say what marks a file carries: that it is generated, by whom",
        description="Look for every mark that an avatar's pictures and files can carry, and say in plain words what "
        "was found, what was not, and how sure that is.",
        epilog="exit codes: 0 a mark was found and holds, 3 none was found, 4 one is there that does not fit the file,"
        "\n"
        "5 one holds and says that the file is not generated, 1 the file cannot be read, or no mark be looked for.\n"
        "That nothing was found does not say that a file is real: marks can be taken out.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="JPEG, PNG, MP4 or another picture or movie, or .avatar"
    )
    parser.add_argument(
        "--anchor", type=Path, metavar="CERT.pem", help="certificates you trust: who signed is then held against them"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_flags(parser, ())
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not args.file.is_file():
        raise AvatarError(
            f"{args.file} is {'no file' if args.file.exists() else 'not there'}: name a picture, a movie or an .avatar."
        )
    if not args.json:
        begin("looking for marks")  # they are searched for in many pictures of a movie
    findings = verify(args.file, mark_readers(args.anchor, settings_of(args).picture.watermark_key))
    if args.json:
        say_json({"file": str(args.file), "findings": [_as_json(finding) for finding in findings]})
    else:
        say(*report(args.file, findings))
    return exit_code(findings)


def mark_readers(anchor: Path | None = None, watermark_key: str | None = None) -> tuple[MarkReader, ...]:
    """Return a reader for each kind of mark there is.

    Args:
        anchor: certificates that signatures are held against; None: nobody's.
        watermark_key: that invisible marks were made with; None: the public one alone.

    Raises:
        AvatarError: the certificates cannot be read.
    """
    from avatar.identities.consent_mark import ConsentMark  # noqa: PLC0415
    from avatar.trust.content_credentials import ContentCredentials  # noqa: PLC0415
    from avatar.trust.watermark_reader import Watermark  # noqa: PLC0415

    return (ContentCredentials.with_anchor(anchor), ConsentMark(), Watermark(watermark_key))


def verify(path: Path, readers: Iterable[MarkReader]) -> tuple[Finding, ...]:
    """Return what each reader says of a file. Raises AvatarError where it cannot be read."""
    return tuple(reader.read(path) for reader in readers)


def report(path: Path, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the findings in words, line by line."""
    lines = [str(path)]
    for finding in findings:
        lines.append(f"  {finding.kind}: {finding.verdict.value}")
        lines += [f"    {sentence}" for sentence in finding.sentences]
    return (*lines, _summary(findings))


def exit_code(findings: Iterable[Finding]) -> int:
    """Return what the command ends with: a broken mark counts before one that holds."""
    from avatar.trust.marks import Verdict  # noqa: PLC0415

    seen = list(findings)
    if any(finding.verdict is Verdict.BROKEN for finding in seen):
        return BROKEN
    holding = [finding for finding in seen if finding.verdict is Verdict.FOUND]
    if not holding:
        looked = any(finding.verdict is Verdict.ABSENT for finding in seen)
        return NOTHING_FOUND if looked else UNREADABLE
    return NOT_GENERATED if all(finding.generated is False for finding in holding) else 0


def _summary(findings: Sequence[Finding]) -> str:
    if (code := exit_code(findings)) == BROKEN:
        return "A mark does not fit this file: it was altered, or the mark belongs to another one."
    if code == NOTHING_FOUND:
        return (
            "No mark was found. That does not say that the file is real: marks can be taken out, and few put them in."
        )
    if code == UNREADABLE:
        return "No mark could be looked for, which says nothing of the file: it is damaged, or of a kind that has none."
    if code == NOT_GENERATED:
        return "A mark was found, and it holds: it does not say that this was generated."
    return "A mark was found, and it holds."


def _as_json(finding: Finding) -> dict[str, object]:
    from avatar.trust.marks import Verdict  # noqa: PLC0415

    return {
        "kind": finding.kind,
        "verdict": finding.verdict.value,
        "sentences": list(finding.sentences),
        "generated": finding.generated if finding.verdict is Verdict.FOUND else None,
        "false_alarm": finding.false_alarm,
        "values": dict(finding.values),
    }
