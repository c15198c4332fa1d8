"""`avatar publish`: an avatar, live, to a WHIP, RTMP or SRT server, or into a file."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import RENDERING, Subparsers, chosen_voice_network, refuse_input, require_file, settings_of
from avatar.commands.publish_sources import sound_file, speak_file, speak_microphone
from avatar.commands.terminal import begin, complain, say
from avatar.errors import AvatarError

if TYPE_CHECKING:
    from avatar.config import ServerSettings
    from avatar.generator.identity import Identity
    from avatar.media.publish_target import PublishTarget
    from avatar.sdk.avatar import Avatar
    from avatar.sdk.clip_avatar import ClipAvatar
    from avatar.sdk.publishing import Published

TOKEN_VARIABLE: Final = "AVATAR_PUBLISH_TOKEN"  # noqa: S105
LEAVE_S: Final = 10
"""After Ctrl-C the target has so long to take the end of the stream."""


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
        '  avatar publish --text "Good evening." --to whip://live.example/whip/room\n'
        "  avatar publish --avatar me.avatar --mic --to whip://live.example/whip/room        your voice, its lips\n"
        "  avatar publish --avatar me.avatar --clip talk.mp4 --loop --to rtmp://live.example/app/STREAM_KEY\n"
        "  AVATAR_TOKEN=... avatar publish --server https://host:8010 --mic --to out.mp4     a server draws\n"
        "  avatar publish --avatar mira --audio speech.wav --seconds 10 --to out.mp4\n\n"
        f"A WHIP server's bearer token is given by the environment variable {TOKEN_VARIABLE}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--avatar", default="mira", metavar="AVATAR", help="an .avatar file, a photo or a built-in face (default: mira)"
    )
    parser.add_argument("--to", required=True, metavar="TARGET", help="whip://, rtmp://, rtmps://, srt:// or a file")
    spoken = parser.add_mutually_exclusive_group()
    spoken.add_argument("--audio", type=Path, metavar="FILE", help="what it says; without, it lives and is silent")
    spoken.add_argument("--text", metavar="TEXT", help="what it says, with a voice of this machine (--tts)")
    spoken.add_argument(
        "--mic",
        nargs="?",
        const="",
        metavar="MICROPHONE",
        help="the microphone that it speaks as: a number or name of `avatar camera --list` (default: the system's)",
    )
    spoken.add_argument(
        "--clip", type=Path, metavar="FILE", help="a clip whose face moves it and whose sound is heard; drawn here"
    )
    parser.add_argument("--server", metavar="URL", help="have a server draw it; its token is in AVATAR_TOKEN")
    parser.add_argument(
        "--plain-http", action="store_true", help="http to another machine will do, though others can read the token"
    )
    parser.add_argument("--loop", action="store_true", help="say it again and again")
    parser.add_argument(
        "--seconds", type=float, metavar="SECONDS", help="end after so long (default: the sound's end, or never)"
    )
    parser.add_argument(
        "--retries", type=int, default=10, metavar="N", help="failures in a row that are tried again (default: 10)"
    )
    parser.add_argument("--bitrate", type=int, default=2_500_000, metavar="BPS", help="of the picture (2500000)")
    add_flags(parser, ("tts", *RENDERING))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command until the end of what there is to send, Ctrl-C or SIGTERM."""
    from avatar.media.publish_target import read_target  # noqa: PLC0415

    _check(args)
    settings = settings_of(args)
    target = read_target(args.to, token=os.environ.get(TOKEN_VARIABLE))
    if target.is_file:
        refuse_input(Path(args.to), (args.audio, args.clip, Path(args.avatar)))
    if args.mic is not None:
        from avatar.virtual_camera.microphone_input import check_microphone  # noqa: PLC0415

        check_microphone(args.mic or None)  # what is missing is said now, not after hours of silence
    begin(f"opening {args.avatar}")  # the imports alone take seconds the first time
    avatar: Avatar | ClipAvatar = _avatar(args, settings) if args.clip is None else _clip_avatar(args, settings)
    with sound_file(args, settings) as sound, _leaving():
        done = asyncio.run(_publish(args, settings, target, avatar, sound))
    again = f", {done.reconnections} times anew" if done.reconnections else ""
    say(f"{target.shown}: {done.pictures} pictures, {done.seconds:.1f} s{again}")
    return 0


@contextmanager
def _leaving() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end what is done meanwhile, by `_leave`."""
    told = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _leave) for number in told}  # what runs in the background ignores Ctrl-C
    try:
        yield
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_: int, __: FrameType | None) -> None:
    """Say goodbye to the target, in `LEAVE_S` at most.

    FFmpeg waits for one that is silent without end, and Python with it: then the system ends the process.
    """
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LEAVE_S)
    raise KeyboardInterrupt


def _check(args: argparse.Namespace) -> None:
    for path in (args.audio, args.clip):
        if path is not None:
            require_file(path)
    if args.seconds is not None and not 0 < args.seconds <= 7 * 86_400:
        raise AvatarError("--seconds is more than 0, and at most 604800.")
    if not 0 <= args.retries <= 1_000_000 or not 50_000 <= args.bitrate <= 20_000_000:
        raise AvatarError("--retries is from 0 to 1000000, and --bitrate from 50000 to 20000000.")
    if args.clip is not None and args.server is not None:
        raise AvatarError("A clip is followed here: leave --server out. (avatar camera has both.)")
    if args.plain_http and args.server is None:
        raise AvatarError("--plain-http is about a server that draws: name it with --server.")


def _avatar(args: argparse.Namespace, settings: ServerSettings) -> Avatar:
    """Return the avatar, drawn here or by a server."""
    from avatar.media.stream_writer import SOUND_RATE  # noqa: PLC0415
    from avatar.sdk.avatar import Avatar  # noqa: PLC0415

    if args.server is not None:
        return Avatar.connect(
            args.server,
            args.avatar,
            token=settings.token,
            picture=settings.picture,
            sample_rate=SOUND_RATE,
            plain_http=args.plain_http,
        )
    network = chosen_voice_network(settings.lip_sync)
    return Avatar.open(
        _identity(args.avatar, settings), picture=settings.picture, sample_rate=SOUND_RATE, voice_network=network
    )


def _clip_avatar(args: argparse.Namespace, settings: ServerSettings) -> ClipAvatar:
    from avatar.commands.diagnostics import require_system_libraries  # noqa: PLC0415
    from avatar.sdk.clip_avatar import ClipAvatar  # noqa: PLC0415

    require_system_libraries()
    return ClipAvatar(_identity(args.avatar, settings), args.clip, settings.picture, loop=args.loop)


def _identity(face: str, settings: ServerSettings) -> Identity:
    from avatar.identities.open import face_warnings, open_identity  # noqa: PLC0415

    identity = open_identity(face, settings.trust)
    for warning in face_warnings(face, identity):
        complain(f"warning: {warning}")
    return identity


async def _publish(
    args: argparse.Namespace,
    settings: ServerSettings,
    target: PublishTarget,
    avatar: Avatar | ClipAvatar,
    sound: Path | None,
) -> Published:
    from avatar.media.audio import audio_seconds  # noqa: PLC0415
    from avatar.media.stream_writer import StreamWriter  # noqa: PLC0415
    from avatar.sdk.avatar import Avatar  # noqa: PLC0415
    from avatar.sdk.publishing import publish  # noqa: PLC0415

    seconds = args.seconds
    if seconds is None and sound is not None and not args.loop:
        seconds = audio_seconds(sound)
    publishing = partial(
        publish,
        avatar,
        target,
        lambda to: StreamWriter(to, avatar.size, settings.picture.fps, bitrate_bps=args.bitrate),
        seconds=seconds,
        retries=args.retries,
        say=lambda text: complain(f"avatar: {text}"),
    )
    if not isinstance(avatar, Avatar):
        return await publishing()
    async with avatar:
        if args.mic is not None:
            return await _beside(publishing(), speak_microphone(avatar, args.mic))
        if sound is not None:
            return await _beside(publishing(), speak_file(avatar, sound, loop=args.loop))
        return await publishing()


async def _beside(publishing: Coroutine[Any, Any, Published], speaking: Coroutine[Any, Any, None]) -> Published:
    """Publish while something is spoken. Raises what either raises."""
    tasks = publication, voice = asyncio.ensure_future(publishing), asyncio.ensure_future(speaking)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not publication.done():
            voice.result()
        return await publication
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
