"""`avatar say`: a text, spoken by an avatar, in an MP4."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from avatar.commands.flags import add_flags
from avatar.commands.options import (
    RENDERING,
    SIGNING,
    Subparsers,
    chosen_voice_network,
    refuse_overwriting,
    settings_of,
)
from avatar.commands.progress import ProgressBar
from avatar.commands.terminal import begin, complain, say

if TYPE_CHECKING:
    from avatar.conversation.tts import TextToSpeech


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "say",
        help="let an avatar speak a text, into an MP4",
        description="Let an avatar speak a text with a voice of this machine, no network needed: hibari (English, "
        "natural; pip install 'avatar[voice]') or espeak (espeak-ng).",
        epilog="examples:\n"
        '  avatar say "Hello, I am Mira." --avatar mira -o hello.mp4\n'
        "  avatar say - --avatar me.avatar -o letter.mp4 < letter.txt       (the text from standard input)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", help="what to say; - reads it from standard input")
    parser.add_argument(
        "--avatar",
        default="mira",
        metavar="AVATAR",
        help="an .avatar file, a photo or a built-in face (default: mira)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.mp4", help="the file to write")
    add_flags(parser, ("tts", *RENDERING, *SIGNING))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.conversation.tts import LONGEST_TEXT, checked, open_voice, unspeakable_words  # noqa: PLC0415

    settings = settings_of(args)
    text = checked(sys.stdin.read(2 * LONGEST_TEXT) if args.text == "-" else args.text)
    refuse_overwriting(args.out, (Path(args.avatar),), ".mp4")
    begin(f"opening {args.avatar}")  # the imports alone take seconds the first time

    from avatar.conversation.speakable_text import named  # noqa: PLC0415
    from avatar.identities.open import face_warnings, open_identity  # noqa: PLC0415
    from avatar.sdk.file_signing import finish_of  # noqa: PLC0415
    from avatar.session.offline import render_file  # noqa: PLC0415

    network = chosen_voice_network(settings.lip_sync)
    identity = open_identity(args.avatar, settings.trust)
    for warning in face_warnings(args.avatar, identity):
        complain(f"warning: {warning}")
    with tempfile.TemporaryDirectory(prefix="avatar-say-") as folder:
        sound = Path(folder) / "speech.wav"
        voice = open_voice(settings.conversation.tts)
        write_speech(voice, text, sound)
        with ProgressBar("Rendering", "frames") as bar:
            report = render_file(
                identity,
                None,
                sound,
                args.out,
                picture=settings.picture,
                voice_network=network,
                progress=bar.update,
                finish=finish_of(settings.trust, settings.picture, identity, (("voice", sound),)),
            )
    if missing := unspeakable_words(voice, text):
        complain(f"warning: not spoken, as the voice has no sound for it: {named(missing)}")
    say(f"{args.out}: {report.pictures} pictures, {report.seconds:.1f} s")
    return 0


def write_speech(voice: TextToSpeech, text: str, path: Path) -> None:
    """Write what a voice makes of a text as a WAV file, with a breath of silence at both ends.

    Raises:
        VoiceError: it has no sound for the text.
    """
    import numpy as np  # noqa: PLC0415

    from avatar.errors import VoiceError  # noqa: PLC0415
    from avatar.media.pcm import to_mono_pcm, wav_bytes  # noqa: PLC0415

    pieces = list(voice.speak(text))
    if not any(len(piece) and np.any(piece) for piece in pieces):
        raise VoiceError("The voice has no sound for this text.", code="unspeakable")
    rest = np.zeros(round(0.3 * voice.sample_rate), np.float32)
    samples = to_mono_pcm(np.concatenate([rest, *pieces, rest]), voice.sample_rate)
    path.write_bytes(wav_bytes(samples, voice.sample_rate))
