"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from avatar.commands.terminal import complain
from avatar.errors import AvatarError

if TYPE_CHECKING:
    from avatar.config import LipSyncSettings, ServerSettings
    from avatar.motion.voice_network import VoiceNetwork

    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = Any


CONSENT: Final = ("consent", "require_consent", "consent_keys")
"""The settings that commands have which open a face."""
LABEL: Final = ("label", "label_place", "label_font")
WATERMARK: Final = ("watermark", "watermark_server", "watermark_key")
DRAWING: Final = ("size", "fps", "tier", "engine", "tracker", "background", *LABEL, *WATERMARK)
SIGNING: Final = ("sign", "sign_cert", "sign_key", "key_folder")
RENDERING: Final = (*DRAWING, "voice_network", "voice_encoder", *CONSENT)
"""The settings that commands have which write a movie."""


def settings_of(args: argparse.Namespace) -> ServerSettings:
    """Return the settings in force; tell the user which file they are from and which old names were used.

    Raises:
        SettingsError: see `settings.read_settings`.
    """
    from avatar.commands.settings import read_settings  # noqa: PLC0415

    read = read_settings(args)
    if read.file is not None:  # one of the working folder may come as a surprise
        complain(f"avatar: settings from {read.file}")
    for note in read.notes:
        complain(f"avatar: {note}")
    return read.server


def chosen_voice_network(settings: LipSyncSettings) -> VoiceNetwork | None:
    """Return the network of the user's own that moves the mouth, None for the shipped one.

    Raises:
        ModelError: the network cannot be used.
    """
    if settings.voice_network is None:
        return None
    from avatar.motion.voice_network import load_voice_network  # noqa: PLC0415

    return load_voice_network(settings.voice_network, encoder=settings.voice_encoder)


def require_file(path: Path) -> None:
    """Raise AvatarError unless there is something to read at a path that a command was given."""
    if path.is_dir():
        raise AvatarError(f"{path} is a folder: name a file in it.")
    if not path.is_file():
        raise AvatarError(f"{path} does not exist.")


def refuse_input(out: Path, inputs: Sequence[Path | None]) -> None:
    """Raise AvatarError when writing `out` would destroy one of `inputs`."""
    if any(path is not None and path.exists() and out.exists() and out.samefile(path) for path in inputs):
        raise AvatarError(f"{out} is one of the inputs: choose another name for the output.")


def refuse_overwriting(out: Path, inputs: Sequence[Path | None], ending: str) -> None:
    """Raise AvatarError when writing `out` would destroy one of `inputs` or another kind of file, or cannot work.

    `ending`: of the names of the kind of file that is written, such as `.mp4`.
    """
    refuse_input(out, inputs)
    if out.is_dir():
        raise AvatarError(f"{out} is a folder: name a file in it.")
    if out.suffix.lower() != ending:
        raise AvatarError(f"{out} is no name for what is written: end it in {ending}, as in {out.stem}{ending}.")
    if not out.parent.is_dir():
        raise AvatarError(f"The folder {out.parent} does not exist.")
