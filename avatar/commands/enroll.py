"""`avatar enroll`: photos or a clip in, an `.avatar` file out."""

from __future__ import annotations

import argparse
import mimetypes
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from avatar.commands.consent_question import ask_claim, can_ask
from avatar.commands.flags import add_flags
from avatar.commands.options import SIGNING, Subparsers, refuse_overwriting, require_file, settings_of
from avatar.commands.progress import ProgressBar
from avatar.commands.terminal import begin, complain, say
from avatar.errors import AvatarError, DeviceError

if TYPE_CHECKING:
    from avatar.config import TrustSettings
    from avatar.generator.identity import Identity
    from avatar.generator.refine import RefineReport
    from avatar.trust.likeness import FaceRecognition
    from avatar.virtual_camera.camera_input import CameraInput

    Sign = Callable[[Path], None]

MOST_TUNING_MIN = 60


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "enroll",
        help="make an avatar file from photos",
        description="Make an avatar file from one or more photos of one person. The face should look at the camera, "
        "relaxed, mouth closed, well lit; a second photo with an open smile adds real teeth. A short clip in which the "
        "person talks, laughs, blinks and turns a little gives such pictures by itself. Whose face it is can be stated "
        "(--consent), signed with a key of this machine, and is then kept in the file.",
        epilog="examples:\n"
        "  avatar enroll me.jpg smiling.jpg -o me.avatar --name Ada --consent self\n"
        "  avatar enroll me.jpg -o me.avatar --consent live              (you are seen to be the person in the photo)\n"
        "  avatar enroll me.jpg --refine clip.mp4 -o me.avatar --sheet chosen.png\n"
        "  avatar enroll me.jpg --refine clip.mp4 --tune 3 -o me.avatar --sheet chosen.png\n"
        "  avatar enroll --refine clip.mp4 -o me.avatar                  (no photo: the calmest frame is taken)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("portraits", nargs="*", type=Path, metavar="PHOTO", help="JPEG, PNG or WebP, of one person")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.avatar", help="the file to write")
    parser.add_argument("--refine", type=Path, metavar="VIDEO", help="a clip of the same person, for more expressions")
    parser.add_argument(
        "--tune",
        type=float,
        metavar="MINUTES",
        help="with --refine: fit the network to the person for so long (needs pip install 'avatar[train]')",
    )
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="with --refine: show what was chosen, and why")
    parser.add_argument("--force", action="store_true", help="replace a file that states whose face it is")
    parser.add_argument("--name", help="the avatar's name (default: the file's)")
    parser.add_argument(
        "--camera",
        metavar="CAMERA",
        help="with --consent live: the camera that sees you, as avatar camera --list shows it (default: the first one)",
    )
    add_flags(parser, ("consent", "require_consent", *SIGNING))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.generator.identity_file import MAX_PORTRAITS, with_consent, write_identity  # noqa: PLC0415
    from avatar.trust.keys import consent_key  # noqa: PLC0415

    _check(args, MAX_PORTRAITS)
    trust = settings_of(args).trust
    claim = _claim(trust)
    if args.camera is not None and claim != "live":
        raise AvatarError("--camera is for --consent live: leave it out, or add that.")
    camera = _camera(args.camera) if claim == "live" else None
    sign = _signer(trust, (*args.portraits, args.refine))
    begin("looking for the face")  # the imports alone take seconds the first time

    from avatar.generator.enrol import enrol  # noqa: PLC0415
    from avatar.generator.photo_checks import photo_warnings  # noqa: PLC0415
    from avatar.identities.open import read_own_photo  # noqa: PLC0415

    photos = [read_own_photo(path) for path in args.portraits]
    name = args.name or args.out.stem
    identity = enrol(photos, name=name) if photos else None
    if args.refine is not None:
        identity = _refine(identity, args.refine, args.sheet, name, sign)
        if args.tune is not None:
            identity = _tune(identity, args.refine, args.tune, args.sheet, sign)
    assert identity is not None  # _check: photos or a clip  # noqa: S101
    recognition = _recognition() if len(photos) > 1 else None
    for warning in photo_warnings(identity.portraits[: max(1, len(photos))], recognition):
        complain(f"warning: {warning}")
    if claim is not None:
        key = consent_key(trust.key_folder)
        likeness = None
        if camera is not None:
            from avatar.commands.live_check import checked_likeness  # noqa: PLC0415

            likeness = checked_likeness(identity.portraits[: max(1, len(photos))], camera)
        identity = with_consent(identity, claim, key, datetime.now(UTC), likeness=likeness)
    try:
        write_identity(identity, args.out)
    except OSError as error:
        raise AvatarError(f"{args.out} cannot be written: {error.strerror or error}.") from error
    if claim is None:
        complain("The file does not say whose face it is: --consent self, permitted or nobody does.")
    say(
        f"{args.out} ({args.out.stat().st_size / 1e6:.1f} MB) is ready. Use it:",
        f"  avatar serve --avatars {quote(str(args.out.parent))}",
        f"  avatar render --avatar {quote(str(args.out))} --driver CLIP.mp4 -o out.mp4",
    )
    return 0


def _recognition() -> FaceRecognition | None:
    """Return what tells whether photos are of one person; None where it is not installed, or is damaged."""
    from avatar.errors import TrustError  # noqa: PLC0415
    from avatar.trust.likeness import Likeness, why_not_installed  # noqa: PLC0415

    try:
        return Likeness() if why_not_installed() is None else None
    except TrustError as error:
        complain(f"warning: {error} Photos are compared by the faces' shape.")
        return None


def _signer(trust: TrustSettings, inputs: Sequence[Path | None]) -> Sign:
    """Return what signs the sheets as the settings say. Raises TrustError."""
    from avatar.trust.signing import SYNTHETIC, FileSigner, Input  # noqa: PLC0415

    signer = FileSigner.of(trust)

    def sign(path: Path) -> None:
        if signer is not None:
            signer.sign(path, SYNTHETIC, [Input.of_file("photo", each) for each in inputs if each is not None])

    return sign


def _claim(trust: TrustSettings) -> str | None:
    """Return what is to be stated of whose face it is; None: nothing. Raises ConsentError where something has to be."""
    from avatar.errors import ConsentError  # noqa: PLC0415

    if trust.require_consent == "live" and trust.consent != "live":
        raise ConsentError(
            "Whoever is in the photo has to be checked before a camera (--require-consent live): --consent live."
        )
    if trust.consent != "unstated":
        return trust.consent
    if trust.require_consent:
        if can_ask() and (claim := ask_claim()) is not None:
            return claim
        raise ConsentError(
            "It has to be said whose face it is (--require-consent): --consent self (your own), permitted (the person "
            "has agreed) or nobody (no real person's)."
        )
    return None


def _camera(wanted: str | None) -> CameraInput:
    """Return the camera of the check; what it needs is looked for before any work. Raises DeviceError, TrustError."""
    from avatar.errors import TrustError  # noqa: PLC0415
    from avatar.trust.likeness import why_not_installed  # noqa: PLC0415
    from avatar.virtual_camera.camera_input import find_camera, list_cameras  # noqa: PLC0415

    if (reason := why_not_installed()) is not None:
        raise TrustError(reason, code="likeness_missing")
    cameras = list_cameras()
    if not cameras and (wanted is None or not wanted.startswith("/dev/")):
        raise DeviceError(
            "No camera was found on this machine. Plug one in, or let this program use it in the system's privacy "
            "settings. The page of `avatar serve` checks with the camera of a phone or another computer."
        )
    return find_camera(wanted, cameras)


def _check(args: argparse.Namespace, most: int) -> None:
    """Raise AvatarError when the arguments do not fit together."""
    if not args.portraits and args.refine is None:
        raise AvatarError("Give at least one photo, or a clip with --refine.")
    for path in args.portraits:
        if (mimetypes.guess_type(path.name)[0] or "").startswith("video/"):
            raise AvatarError(f"{path} is a clip, not a photo: give it with --refine.")
    if len(args.portraits) > most:
        raise AvatarError(f"{len(args.portraits)} photos are too many: an avatar holds at most {most}.")
    if args.sheet is not None and args.refine is None:
        raise AvatarError("--sheet shows what --refine chose: give a clip with --refine, or leave it out.")
    if args.tune is not None and args.refine is None:
        raise AvatarError("--tune fits the network to a clip: give one with --refine.")
    if args.tune is not None and not 0 < args.tune <= MOST_TUNING_MIN:
        raise AvatarError(f"--tune takes minutes, up to {MOST_TUNING_MIN}.")
    if args.tune is not None and find_spec("torch") is None:  # not after a minute of looking at the clip
        raise AvatarError("--tune needs torch: pip install 'avatar[train]'")
    inputs = (*args.portraits, args.refine)
    refuse_overwriting(args.out, inputs, ".avatar")
    if args.refine is not None:
        require_file(args.refine)
    if args.sheet is not None:
        refuse_overwriting(args.sheet, inputs, ".png")
    if not args.force:
        _keep_statement(args.out)


def _keep_statement(out: Path) -> None:
    """Raise AvatarError where a file would be replaced that states whose face it is: that may be had only once."""
    from avatar.errors import IdentityFileError  # noqa: PLC0415
    from avatar.generator.identity_file import read_identity  # noqa: PLC0415

    try:
        consent = read_identity(out).consent if out.exists() else None
    except IdentityFileError:
        return  # nothing that anybody could use
    if consent is not None:
        raise AvatarError(
            f"{out} states whose face it is (avatar info {quote(str(out))}), and what is written would replace that. "
            "Choose another name for the output, or add --force."
        )


def _refine(identity: Identity | None, video: Path, sheet: Path | None, name: str, sign: Sign) -> Identity:
    """Take further portraits from a clip, say which, and draw them."""
    from PIL import Image  # noqa: PLC0415

    from avatar.generator.portrait_sheet import portrait_sheet  # noqa: PLC0415
    from avatar.generator.refine import refine  # noqa: PLC0415

    photos = len(identity.portraits) if identity is not None else 0
    with ProgressBar("Looking at the clip", "frames") as bar:
        refined, report = refine(identity, video, name=name, progress=bar.update)
    labels = _labels(report, photos)
    for label in labels[photos:]:
        say(f"  {label}")
    for warning in report.warnings:
        say(f"warning: {warning}")
    if sheet is not None:
        try:
            Image.fromarray(portrait_sheet(refined, labels)).save(sheet, format="PNG")
            sign(sheet)
        except OSError as error:
            raise AvatarError(f"{sheet} cannot be written: {error.strerror or error}.") from error
    return refined


def _tune(identity: Identity, video: Path, minutes: float, sheet: Path | None, sign: Sign) -> Identity:
    """Fit the network to the person; say what it brought, and show it beside the sheet of portraits."""
    from PIL import Image  # noqa: PLC0415

    from avatar.generator.tuning.personal import tune  # noqa: PLC0415

    with ProgressBar("Fitting", "s") as bar:
        tuned, report = tune(
            identity,
            video,
            seconds=60 * minutes,
            progress=lambda done, total: bar.update(round(done), round(total)),
        )
    change = 1 - report.after / report.before
    outcome = f"{change:.1%} nearer to" if report.kept else "no nearer to: the photos' own latents stay for"
    say(f"  fitted in {report.steps} steps: {outcome} frames of the clip that were kept back")
    if sheet is not None:
        shown = sheet.with_name(f"{sheet.stem}-tuned{sheet.suffix}")
        try:
            Image.fromarray(report.sheet).save(shown, format="PNG")
            sign(shown)
        except OSError as error:
            raise AvatarError(f"{shown} cannot be written: {error.strerror or error}.") from error
        say(f"  {shown}: real frames, plain geometry, before, after")
    return tuned


def _labels(report: RefineReport, photos: int) -> list[str]:
    """Name each portrait of a refined avatar: photos first, then what came from the clip."""
    labels = ["rest (photo)", *(f"photo {number}" for number in range(2, photos + 1))][:photos]
    if report.rest_s is not None:
        labels.append(f"rest ({report.rest_s:.1f} s)")
    return labels + [
        f"{choice.adds} ({time_s:.1f} s, +{choice.gain:.2f})"
        for choice, time_s in zip(report.chosen, report.times_s, strict=True)
    ]
