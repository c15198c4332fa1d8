"""What `avatar camera` makes of its command line: settings, inputs, and what draws and is heard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from avatar.commands.options import chosen_voice_network
from avatar.commands.terminal import complain
from avatar.config import Background
from avatar.errors import DeviceError

if TYPE_CHECKING:
    from avatar.commands.settings import ReadSettings
    from avatar.config import ServerSettings
    from avatar.types import Drive
    from avatar.virtual_camera.broadcast import Inputs, OpenDrawing
    from avatar.virtual_camera.sound_output import SoundSink

USUAL_SIZE: Final = (960, 540)
"""Programs for calls want wide pictures; these are as cheap to draw as 540 x 540, since little of them moves."""
MACOS_SIZE: Final = (1280, 720)
"""OBS's camera on macOS takes other sizes and shows them torn."""
PLAIN_RGB: Final = (46, 52, 64)
"""A dark grey with some blue, as the one colour that the key `b` goes through."""


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
            what = "is a folder: name a file in it" if args.clip.is_dir() else "does not exist"
            raise DeviceError(f"{args.clip} {what}.")
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


def camera_settings(args: argparse.Namespace) -> ServerSettings:
    """Return the settings in force, with a camera's own size where nobody has said one."""
    from avatar.commands.settings import DEFAULT, read_settings  # noqa: PLC0415

    read: ReadSettings = read_settings(args)
    for note in (*([f"settings from {read.file}"] if read.file is not None else []), *read.notes):
        complain(f"avatar: {note}")
    if read.origins["size"] != DEFAULT:
        return read.server
    width, height = MACOS_SIZE if sys.platform == "darwin" else USUAL_SIZE
    return replace(read.server, picture=replace(read.server.picture, width=width, height=height))


def drawing_of(args: argparse.Namespace, face: str, settings: ServerSettings, drive: Drive) -> OpenDrawing:
    """Return what opens the drawing by a command line: here, or on a server. Raises AvatarError."""
    if args.server is not None:
        return _drawing_on(args.server, face, settings, drive, plain_http=args.plain_http)
    return _drawing_here(face, settings, drive)


def _drawing_on(url: str, face: str, settings: ServerSettings, drive: Drive, *, plain_http: bool) -> OpenDrawing:
    from avatar.sdk.whip_client import WhipClient  # noqa: PLC0415
    from avatar.stream.ice_servers import ice_servers  # noqa: PLC0415
    from avatar.virtual_camera.remote_drawing import RemoteDrawing  # noqa: PLC0415

    transport = settings.transport
    ice_servers(transport)  # what cannot be used is said now
    client = WhipClient(url, settings.token, plain_http=plain_http)

    def open_drawing(
        *, on_picture: Callable[..., None], on_failure: Callable[[str], None], on_note: Callable[[str], None]
    ) -> RemoteDrawing:
        del on_failure  # a server that goes away is called again
        return RemoteDrawing(
            client,
            face,
            settings.picture,
            drive,
            on_picture=on_picture,
            on_note=on_note,
            find_ice_servers=(lambda: ice_servers(transport)) if transport.ice_servers else None,
        )

    return open_drawing


def _drawing_here(face: str, settings: ServerSettings, drive: Drive) -> OpenDrawing:
    from avatar.commands.diagnostics import require_system_libraries  # noqa: PLC0415
    from avatar.generator.tiers import live_tier  # noqa: PLC0415
    from avatar.motion.voice_network import require_live  # noqa: PLC0415
    from avatar.virtual_camera.drawing import LocalDrawing  # noqa: PLC0415

    require_system_libraries()
    network = chosen_voice_network(settings.lip_sync)
    if network is not None:
        require_live(network)
    picture = settings.picture
    drawn = replace(picture, tier=live_tier(picture.tier, picture.engine))

    def open_drawing(
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
            trust=settings.trust,
        )

    return open_drawing


def sound_sink(args: argparse.Namespace, inputs: Inputs) -> SoundSink | None:
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
