"""`avatar render`: an avatar that follows a clip, written to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from avatar.commands.flags import add_flags
from avatar.commands.options import (
    RENDERING,
    SIGNING,
    Subparsers,
    chosen_voice_network,
    refuse_overwriting,
    require_file,
    settings_of,
)
from avatar.commands.progress import ProgressBar
from avatar.commands.terminal import begin, complain, say
from avatar.errors import AvatarError


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "render",
        help="animate an avatar with a clip or a voice, into an MP4",
        description="Make an avatar follow the face in a clip, speak with a voice, or both, exactly as in a call but "
        "frame by frame, and write an MP4 with the sound.",
        epilog="examples:\n"
        "  avatar render --avatar me.avatar --driver clip.mp4 -o out.mp4\n"
        "  avatar render --avatar photo.jpg --driver clip.mp4 --audio voice.wav -o out.mp4 --size 720x720\n"
        "  avatar render --avatar mira --audio speech.wav -o out.mp4          (a talking head, no clip needed)\n"
        "  avatar render --avatar astronaut --driver clip.mp4 --drive both -o out.mp4      (a built-in face)\n"
        "  avatar render --avatar mira --audio speech.wav --cues cues.txt -o out.mp4       (with feelings)\n"
        "a file of cues has one a line, seconds or minutes:seconds and then the cue, and # before notes:\n"
        "  1.5     smile warmly\n"
        "  0:03.2  nod and look at me\n"
        "  6       neutral                                                (ends the feelings and the look)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--avatar", required=True, metavar="AVATAR", help="an .avatar file, a photo, or the id of a built-in face"
    )
    parser.add_argument("--driver", type=Path, metavar="CLIP", help="the clip whose face is followed")
    parser.add_argument("--audio", type=Path, metavar="SOUND", help="sound to use in place of the clip's")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.mp4", help="the file to write")
    parser.add_argument(
        "--drive",
        choices=("camera", "voice", "both"),
        help="what moves it: the clip's face, the voice (lips) with idle life around it, or both "
        "(default: camera with a clip, voice without)",
    )
    parser.add_argument(
        "--cues",
        type=Path,
        metavar="FILE",
        help="feelings, looks and gestures with their times, shown on top of what moves it: lines as below, or JSON, "
        '[{"time_s": 1.5, "cue": "nod"}]',
    )
    add_flags(parser, (*RENDERING, *SIGNING))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    for path in (args.driver, args.audio, args.cues):
        if path is not None:
            require_file(path)
    if args.drive == "camera" and args.driver is None:
        raise AvatarError("--drive camera follows a clip: name one with --driver.")
    if args.drive == "voice" and args.driver is None and args.audio is None:
        raise AvatarError("--drive voice speaks with a sound: name one with --audio.")
    settings = settings_of(args)
    refuse_overwriting(args.out, (args.driver, args.audio, args.cues, Path(args.avatar)), ".mp4")
    begin(f"opening {args.avatar}")  # the imports alone take seconds the first time

    from avatar.identities.open import face_warnings, open_identity  # noqa: PLC0415
    from avatar.motion.cue_list import read_cue_list  # noqa: PLC0415
    from avatar.sdk.file_signing import finish_of  # noqa: PLC0415
    from avatar.session.offline import render_file  # noqa: PLC0415

    cues = () if args.cues is None else read_cue_list(args.cues)
    voice_network = chosen_voice_network(settings.lip_sync)
    identity = open_identity(args.avatar, settings.trust)
    for warning in face_warnings(args.avatar, identity):
        complain(f"warning: {warning}")
    finish = finish_of(settings.trust, settings.picture, identity, (("driver", args.driver), ("voice", args.audio)))
    with ProgressBar("Rendering", "frames") as bar:
        report = render_file(
            identity,
            args.driver,
            args.audio,
            args.out,
            picture=settings.picture,
            drive=args.drive,
            voice_network=voice_network,
            cues=cues,
            progress=bar.update,
            finish=finish,
        )
    for warning in report.warnings:
        complain(f"warning: {warning}")
    followed = args.driver is not None and args.drive != "voice"
    seen = f", a face in {report.tracked_share:.0%} of the clip" if followed else ""
    say(f"{args.out}: {report.pictures} pictures, {report.seconds:.1f} s{seen}")
    return 0
