"""`avatar camera`: the avatar as a camera of this machine, for Zoom, OBS and whatever else takes one."""

from __future__ import annotations

import argparse
import contextlib
import queue
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from avatar.commands.camera_choices import (
    backgrounds_after,
    camera_settings,
    chosen_drive,
    chosen_inputs,
    drawing_of,
    sound_sink,
)
from avatar.commands.flags import add_flags
from avatar.commands.options import RENDERING, Subparsers
from avatar.commands.terminal import begin, complain, say
from avatar.errors import AvatarError, DeviceError
from avatar.plain_text import plain

if TYPE_CHECKING:
    from avatar.virtual_camera.broadcast import Broadcast
    from avatar.virtual_camera.hot_keys import Action
    from avatar.virtual_camera.preview import Preview

TICK_S: Final = 0.05
STATUS_EVERY_S: Final = 1.0
LOG_EVERY_S: Final = 10.0
"""Where nobody watches a terminal."""


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "camera",
        help="show an avatar as a camera in Zoom, OBS and others",
        description="Show an avatar as a camera of this machine: choose it in Zoom, OBS, a browser or whatever else "
        "takes a camera. A camera of yours moves it, a microphone, both, or a clip. Needs: pip install "
        "'avatar[camera]', and a virtual camera (--check says what to install).",
        epilog="examples:\n"
        "  avatar camera --avatar me.avatar                      your first camera moves it\n"
        "  avatar camera --avatar me.avatar --mic                your voice moves its lips\n"
        "  avatar camera --avatar me.avatar --camera 1 --mic 2   both, of those that --list shows\n"
        "  avatar camera --avatar mira --clip talk.mp4           a clip, over and over\n"
        "  AVATAR_TOKEN=... avatar camera --avatar mira --server https://host:8010     a server draws\n"
        "  avatar camera --avatar me.avatar --mic --virtual-mic  and other programs hear you in step with the lips\n\n"
        "While it runs, keys of the terminal direct it (? shows them), and the page of --control-page.\n"
        "docs/virtual-camera.md has the rest.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="show the cameras and microphones of this machine, and end")
    parser.add_argument("--check", action="store_true", help="say what is missing and how to install it, and end")
    parser.add_argument(
        "--avatar",
        action="append",
        metavar="AVATAR",
        help="an .avatar file, a photo, or the id of a built-in face (default: mira); may be repeated: key f goes "
        "through them",
    )
    parser.add_argument(
        "--camera",
        nargs="?",
        const="",
        metavar="CAMERA",
        help="the camera that moves it: a number of --list, a part of its name or its file (default: the first one)",
    )
    parser.add_argument(
        "--mic",
        nargs="?",
        const="",
        metavar="MICROPHONE",
        help="the microphone that moves its lips: a number or name of --list (default: the system's)",
    )
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a clip or sound in place of both, over and over")
    parser.add_argument(
        "--drive",
        choices=("camera", "voice", "both"),
        help="what moves it (default: what is there; a clip: its face)",
    )
    parser.add_argument("--server", metavar="URL", help="have a server draw it; its token is in AVATAR_TOKEN")
    parser.add_argument(
        "--plain-http", action="store_true", help="http to another machine will do, though others can read the token"
    )
    parser.add_argument(
        "--device", metavar="DEVICE", help="the virtual camera: its file on Linux, such as /dev/video2, or its name"
    )
    parser.add_argument("--backend", metavar="NAME", help="of pyvirtualcam (default: each that this system has)")
    sound = parser.add_mutually_exclusive_group()
    sound.add_argument(
        "--virtual-mic",
        action="store_true",
        help="let other programs hear the sound in step with the lips, as the microphone 'Avatar microphone' (Linux)",
    )
    sound.add_argument("--sound-to", metavar="DEVICE", help="play that sound to this device, such as a virtual cable's")
    parser.add_argument(
        "--control-page",
        nargs="?",
        type=int,
        const=0,
        metavar="PORT",
        help="serve a page that directs it, to this machine alone; its address is printed (default: a free port)",
    )
    parser.add_argument("--preview", action="store_true", help="show the picture in a window too")
    add_flags(parser, (*RENDERING, "ice_servers"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command until Ctrl-C, SIGTERM or the key q; 0 after a clean stop."""
    if args.list:
        return _list()
    if args.check:
        return _check()
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        _run(args)
    return 0


def _run(args: argparse.Namespace) -> None:
    from avatar.virtual_camera.broadcast import Broadcast  # noqa: PLC0415 - as all below: `avatar --help` is quick
    from avatar.virtual_camera.device import VirtualCamera  # noqa: PLC0415

    settings = camera_settings(args)
    inputs = chosen_inputs(args)
    drive = chosen_drive(args.drive, inputs)
    faces = tuple(args.avatar or ("mira",))
    picture = settings.picture
    begin(f"opening {faces[0]}")  # the imports alone take seconds the first time
    open_drawing = drawing_of(args, faces[0], settings, drive)
    with contextlib.ExitStack() as stack:
        camera = stack.enter_context(
            VirtualCamera.open((picture.width, picture.height), picture.fps, device=args.device, backend=args.backend)
        )
        preview = _preview(stack) if args.preview else None
        broadcast = Broadcast(
            inputs,
            open_drawing,
            camera,
            picture.fps,
            faces=faces,
            backgrounds=backgrounds_after(picture.background),
            sound_sink=sound_sink(args, inputs),
        )
        if args.control_page is not None:
            from avatar.commands.camera_page import serving_page  # noqa: PLC0415

            address = stack.enter_context(serving_page(broadcast, args.control_page, settings.limits))
            say(f"Control page, for this machine alone: {address}")
        stack.enter_context(broadcast.running())
        say(f"Choose the camera {camera.name!r} in the other program. Stop with Ctrl-C.")
        _attend(broadcast, preview)


def _preview(stack: contextlib.ExitStack) -> Preview | None:
    """Return a window, None where there is no screen: pictures go to the other programs all the same."""
    from avatar.virtual_camera.preview import Preview  # noqa: PLC0415

    try:
        return stack.enter_context(Preview())
    except DeviceError as error:
        complain(f"avatar: {error} Going on without a preview.")
        return None


def _attend(broadcast: Broadcast, preview: Preview | None) -> None:
    """Follow keys, show the preview and one line about how it goes, until the end."""
    from avatar.virtual_camera.hot_keys import action_of, hot_keys  # noqa: PLC0415

    actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
    live = sys.stdout.isatty()
    every_s = STATUS_EVERY_S if live else LOG_EVERY_S
    shown_s = time.monotonic()
    with hot_keys(actions.put):
        while broadcast.wait(TICK_S):
            while not actions.empty():
                broadcast.act(actions.get())
            if preview is not None and (action := action_of(preview.show(broadcast.last_picture))) is not None:
                broadcast.act(action)
            for note in broadcast.notes():
                print(f"{_clear(live)}{plain(note)}", flush=True)  # noqa: T201
            if time.monotonic() - shown_s >= every_s:
                shown_s = time.monotonic()
                status, end = plain(broadcast.status()), "" if live else "\n"
                print(f"{_clear(live)}{status}", end=end, flush=True)  # noqa: T201
    if live:
        say("")


def _clear(live: bool) -> str:
    """Return what makes a terminal begin its line anew."""
    return "\r\033[K" if live else ""


def _list() -> int:
    from avatar.virtual_camera.camera_input import list_cameras  # noqa: PLC0415
    from avatar.virtual_camera.microphone_input import list_microphones  # noqa: PLC0415

    cameras = list_cameras()
    say("Cameras:" if cameras else "Cameras: none")
    for number, camera in enumerate(cameras):
        say(f"  {number}  {camera.name}  ({camera.address})")
    try:
        microphones = list_microphones()
    except AvatarError as error:
        say(f"Microphones: {error}")
        return 0
    say("Microphones:" if microphones else "Microphones: none")
    for number, name in microphones:
        say(f"  {number}  {name}")
    return 0


def _check() -> int:
    from avatar.commands.camera_checks import examine_camera  # noqa: PLC0415
    from avatar.commands.doctor import show_checks  # noqa: PLC0415

    return 1 if show_checks(examine_camera()) else 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
