"""`avatar camera`: the avatar as a camera of this machine, for Zoom, OBS and whatever else takes one."""

from __future__ import annotations

import argparse
import contextlib
import queue
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from avatar.commands.flags import add_flags
from avatar.commands.options import RENDERING, Subparsers, chosen_voice_network
from avatar.config import Background
from avatar.errors import AvatarError, DeviceError

if TYPE_CHECKING:
    from avatar.commands.settings import ReadSettings
    from avatar.config import PictureSettings, ServerSettings
    from avatar.types import Drive
    from avatar.virtual_camera.broadcast import Broadcast, Inputs, OpenDrawing
    from avatar.virtual_camera.hot_keys import Action
    from avatar.virtual_camera.preview import Preview
    from avatar.virtual_camera.sound_output import SoundSink

USUAL_SIZE: Final = (960, 540)
"""Programs for calls want wide pictures; these are as cheap to draw as 540 x 540, since little of them moves."""
MACOS_SIZE: Final = (1280, 720)
"""OBS's camera on macOS takes other sizes and shows them torn."""
PLAIN_RGB: Final = (46, 52, 64)
"""A dark grey with some blue, as the one colour that the key `b` goes through."""
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
        "While it runs, keys of the terminal direct it: ? shows them. docs/virtual-camera.md has the rest.",
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

    settings = _settings(args)
    inputs = chosen_inputs(args)
    drive = chosen_drive(args.drive, inputs)
    faces = tuple(args.avatar or ("mira",))
    picture = settings.picture
    open_drawing = _drawing_of(args, faces[0], settings, drive)
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
            sound_sink=_sound_sink(args, inputs),
        )
        stack.enter_context(broadcast.running())
        print(f"Choose the camera {camera.name!r} in the other program. Stop with Ctrl-C.", flush=True)
        _attend(broadcast, preview)


def backgrounds_after(first: Background) -> tuple[Background, ...]:
    """Return the backgrounds that the key goes through, from the chosen one on."""
    others = (Background("keep"), Background("blur"), Background("colour", rgb=PLAIN_RGB))
    return (first, *(other for other in others if other != first))


def chosen_inputs(args: argparse.Namespace) -> Inputs:
    """Return what moves the avatar by a command line. Raises DeviceError: there is no such camera or file."""
    from avatar.virtual_camera.broadcast import Inputs  # noqa: PLC0415
    from avatar.virtual_camera.camera_input import find_camera, list_cameras  # noqa: PLC0415

    if args.clip is not None:
        if args.camera is not None or args.mic is not None:
            raise DeviceError("--clip stands in place of camera and microphone: leave --camera and --mic out.")
        if not args.clip.is_file():
            raise DeviceError(f"{args.clip} does not exist.")
        return Inputs(clip=args.clip)
    camera = None
    if args.camera is not None or (args.mic is None and args.drive != "voice"):
        camera = find_camera(args.camera or None, list_cameras())
    microphone = args.mic if args.mic is not None or args.drive not in ("voice", "both") else ""
    return Inputs(camera, microphone)


def chosen_drive(asked: Drive | None, inputs: Inputs) -> Drive:
    """Return what moves the avatar. Raises DeviceError where what is asked for has no device."""
    if asked is not None:
        if asked in ("camera", "both") and inputs.camera is None and inputs.clip is None:
            raise DeviceError(f"--drive {asked} follows a face: add --camera.")
        return asked
    if inputs.clip is not None:
        from avatar.media.files import first_stream, opened  # noqa: PLC0415

        with opened(inputs.clip) as container:
            return "voice" if first_stream(container, "video") is None else "camera"
    if inputs.camera is None:
        return "voice"
    return "camera" if inputs.microphone is None else "both"


def _settings(args: argparse.Namespace) -> ServerSettings:
    """Return the settings in force, with a camera's own size where nobody has said one."""
    from avatar.commands.settings import DEFAULT, read_settings  # noqa: PLC0415

    read: ReadSettings = read_settings(args)
    for note in (*([f"settings from {read.file}"] if read.file is not None else []), *read.notes):
        print(f"avatar: {note}", file=sys.stderr)
    if read.origins["size"] != DEFAULT:
        return read.server
    width, height = MACOS_SIZE if sys.platform == "darwin" else USUAL_SIZE
    return replace(read.server, picture=replace(read.server.picture, width=width, height=height))


def _drawing_of(args: argparse.Namespace, face: str, settings: ServerSettings, drive: Drive) -> OpenDrawing:
    picture: PictureSettings = settings.picture
    if args.server is not None:
        from avatar.sdk.whip_client import WhipClient  # noqa: PLC0415
        from avatar.stream.ice_servers import ice_servers  # noqa: PLC0415
        from avatar.virtual_camera.remote_drawing import RemoteDrawing  # noqa: PLC0415

        transport = settings.transport
        ice_servers(transport)  # what cannot be used is said now
        client = WhipClient(args.server, settings.token, plain_http=args.plain_http)

        def open_remote(
            *,
            on_picture: Callable[..., None],
            on_failure: Callable[[str], None],
            on_note: Callable[[str], None],
        ) -> RemoteDrawing:
            del on_failure  # a server that goes away is called again
            named = (lambda: ice_servers(transport)) if transport.ice_servers else None
            return RemoteDrawing(
                client, face, picture, drive, on_picture=on_picture, on_note=on_note, find_ice_servers=named
            )

        return open_remote

    from avatar.commands.diagnostics import require_system_libraries  # noqa: PLC0415
    from avatar.generator.tiers import live_tier  # noqa: PLC0415
    from avatar.motion.voice_network import require_live  # noqa: PLC0415
    from avatar.virtual_camera.drawing import LocalDrawing  # noqa: PLC0415

    require_system_libraries()
    network = chosen_voice_network(settings.lip_sync)
    if network is not None:
        require_live(network)
    drawn = replace(picture, tier=live_tier(picture.tier, picture.engine))

    def open_local(
        *, on_picture: Callable[..., None], on_failure: Callable[[str], None], on_note: Callable[[str], None]
    ) -> LocalDrawing:
        return LocalDrawing(
            face,
            drawn,
            drive,
            on_picture=on_picture,
            on_failure=on_failure,
            on_note=on_note,
            voice_network=network,
        )

    return open_local


def _sound_sink(args: argparse.Namespace, inputs: Inputs) -> SoundSink | None:
    """Return where sound goes. Raises DeviceError."""
    if not (args.virtual_mic or args.sound_to):
        return None
    if inputs.microphone is None and inputs.clip is None:
        raise DeviceError("There is no sound to be heard: add --mic, or --clip FILE with sound.")
    if args.virtual_mic:
        from avatar.virtual_camera.advice import virtual_sound_advice  # noqa: PLC0415
        from avatar.virtual_camera.virtual_microphone import VirtualMicrophone  # noqa: PLC0415

        if sys.platform != "linux":
            raise DeviceError(f"--virtual-mic is for Linux. {virtual_sound_advice(sys.platform)}")
        return VirtualMicrophone()
    from avatar.virtual_camera.sound_output import Loudspeaker  # noqa: PLC0415

    return Loudspeaker(args.sound_to)


def _preview(stack: contextlib.ExitStack) -> Preview | None:
    """Return a window, None where there is no screen: pictures go to the other programs all the same."""
    from avatar.virtual_camera.preview import Preview  # noqa: PLC0415

    try:
        return stack.enter_context(Preview())
    except DeviceError as error:
        print(f"avatar: {error} Going on without a preview.", file=sys.stderr)
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
                print(f"{_clear(live)}{note}", flush=True)
            if time.monotonic() - shown_s >= every_s:
                shown_s = time.monotonic()
                print(f"{_clear(live)}{broadcast.status()}", end="" if live else "\n", flush=True)
    if live:
        print()


def _clear(live: bool) -> str:
    """Return what makes a terminal begin its line anew."""
    return "\r\033[K" if live else ""


def _list() -> int:
    from avatar.virtual_camera.camera_input import list_cameras  # noqa: PLC0415
    from avatar.virtual_camera.microphone_input import list_microphones  # noqa: PLC0415

    cameras = list_cameras()
    print("Cameras:" if cameras else "Cameras: none")
    for number, camera in enumerate(cameras):
        print(f"  {number}  {camera.name}  ({camera.address})")
    try:
        microphones = list_microphones()
    except AvatarError as error:
        print(f"Microphones: {error}")
        return 0
    print("Microphones:" if microphones else "Microphones: none")
    for number, name in microphones:
        print(f"  {number}  {name}")
    return 0


def _check() -> int:
    from avatar.commands.camera_checks import examine_camera  # noqa: PLC0415
    from avatar.commands.doctor import show_checks  # noqa: PLC0415

    return 1 if show_checks(examine_camera()) else 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
