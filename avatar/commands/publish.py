"""`avatar publish`: an avatar, live, to a WHIP, RTMP or SRT server, or into a file."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import RENDERING, Subparsers, chosen_voice_network, settings_of
from avatar.errors import AvatarError

if TYPE_CHECKING:
    from avatar.config import ServerSettings
    from avatar.media.publish_target import PublishTarget
    from avatar.sdk.avatar import Avatar
    from avatar.sdk.publishing import Published

TOKEN_VARIABLE: Final = "AVATAR_PUBLISH_TOKEN"  # noqa: S105
PIECE: Final = 4800
"""Samples of sound that are handed to the avatar at once: a tenth of a second."""


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "publish",
        help="send an avatar out, live: WHIP, RTMP, a file",
        description="Let an avatar live and speak, and send it, live, to a server that takes streams, or into a file. "
        "Where the server is gone it is tried again, after 1, 2, 4 and at most 30 seconds.",
        epilog="examples:\n"
        "  avatar publish --avatar mira --audio speech.wav --to whip://live.example/whip/room\n"
        "  avatar publish --avatar me.avatar --audio news.mp3 --loop --to rtmp://live.example/app/STREAM_KEY\n"
        "  avatar publish --avatar mira --audio speech.wav --seconds 10 --to out.mp4\n\n"
        f"A WHIP server's bearer token is given by the environment variable {TOKEN_VARIABLE}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--avatar", default="mira", metavar="AVATAR", help="an .avatar file, a photo or a built-in face (default: mira)"
    )
    parser.add_argument("--to", required=True, metavar="TARGET", help="whip://, rtmp://, rtmps://, srt:// or a file")
    parser.add_argument("--audio", type=Path, metavar="FILE", help="what it says; without, it lives and is silent")
    parser.add_argument("--loop", action="store_true", help="say it again and again")
    parser.add_argument(
        "--seconds", type=float, metavar="SECONDS", help="end after so long (default: the sound's end, or never)"
    )
    parser.add_argument(
        "--retries", type=int, default=10, metavar="N", help="failures in a row that are tried again (default: 10)"
    )
    parser.add_argument("--bitrate", type=int, default=2_500_000, metavar="BPS", help="of the picture (2500000)")
    add_flags(parser, RENDERING)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command until the end of what there is to send, or Ctrl-C."""
    from avatar.identities.open import face_warnings, open_identity  # noqa: PLC0415
    from avatar.media.publish_target import read_target  # noqa: PLC0415

    if args.audio is not None and not args.audio.is_file():
        raise AvatarError(f"{args.audio} does not exist.")
    if args.seconds is not None and not 0 < args.seconds <= 7 * 86_400:
        raise AvatarError("--seconds is from 0 to 604800.")
    if not 0 <= args.retries <= 1_000_000 or not 50_000 <= args.bitrate <= 20_000_000:
        raise AvatarError("--retries is from 0 to 1000000, and --bitrate from 50000 to 20000000.")
    settings = settings_of(args)
    target = read_target(args.to, token=os.environ.get(TOKEN_VARIABLE))
    identity = open_identity(args.avatar)
    for warning in face_warnings(args.avatar, identity):
        print(f"warning: {warning}", file=sys.stderr)
    done = asyncio.run(_publish(args, settings, target, identity))
    again = f", {done.reconnections} times anew" if done.reconnections else ""
    print(f"{target.shown}: {done.pictures} pictures, {done.seconds:.1f} s{again}")
    return 0


async def _publish(
    args: argparse.Namespace, settings: ServerSettings, target: PublishTarget, identity: object
) -> Published:
    from avatar.media.audio import audio_seconds  # noqa: PLC0415
    from avatar.media.stream_writer import SOUND_RATE, StreamWriter  # noqa: PLC0415
    from avatar.sdk.avatar import Avatar  # noqa: PLC0415
    from avatar.sdk.publishing import publish  # noqa: PLC0415

    seconds = args.seconds
    if seconds is None and args.audio is not None and not args.loop:
        seconds = audio_seconds(args.audio)
    picture = settings.picture
    network = chosen_voice_network(settings.lip_sync)
    avatar = Avatar.open(identity, picture=picture, sample_rate=SOUND_RATE, voice_network=network)  # type: ignore[arg-type]
    async with avatar:
        speaking = None if args.audio is None else asyncio.create_task(_speak(avatar, args.audio, loop=args.loop))
        try:
            return await publish(
                avatar,
                target,
                lambda to: StreamWriter(to, avatar.size, picture.fps, bitrate_bps=args.bitrate),
                seconds=seconds,
                retries=args.retries,
                say=lambda text: print(f"avatar: {text}", file=sys.stderr, flush=True),
            )
        finally:
            if speaking is not None:
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)


async def _speak(avatar: Avatar, path: Path, *, loop: bool) -> None:
    """Hand a file's sound to the avatar, as fast as it takes it."""
    from avatar.media.audio import SOUND_RATE, audio_blocks  # noqa: PLC0415

    while True:
        for block in audio_blocks(path):
            for begin in range(0, block.shape[1], PIECE):
                await avatar.push_audio(block[:, begin : begin + PIECE], SOUND_RATE)
        if not loop:
            return
