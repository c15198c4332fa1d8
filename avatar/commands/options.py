"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from avatar.errors import AvatarError

if TYPE_CHECKING:
    from avatar.motion.voice_network import VoiceNetwork

    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = Any


def picture_size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text such as `512x512`."""
    match = re.fullmatch(r"(\d+)[xX](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 512x512")
    width, height = int(match[1]), int(match[2])
    short, long = sorted((width, height))
    if width % 2 or height % 2 or short < 128 or short > 720 or long > 1280:
        raise argparse.ArgumentTypeError(f"{text}: both sides even, from 128x128 to 1280x720 or 720x1280")
    return width, height


def add_drawing(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what draws the avatar."""
    parser.add_argument(
        "--tier",
        default="auto",
        metavar="TIER",
        help="what draws the avatar: geometry (the photo, warped), lite (with a small network), standard (a larger "
        "one, for GPUs; train it yourself) or auto, the best that runs here (in calls: that keeps up)",
    )
    parser.add_argument(
        "--engine",
        default="auto",
        metavar="ENGINE",
        help="what runs the network: openvino, onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt, torch, torch-cuda "
        "or auto, the fastest that works here",
    )


def add_voice_network(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which network moves the mouth to a voice."""
    parser.add_argument(
        "--voice-network",
        type=Path,
        metavar="FILE",
        help="weights of your own that move the mouth (docs/speech.md; default: those that come with avatar)",
    )
    parser.add_argument(
        "--voice-encoder",
        metavar="DIR",
        help="where the speech encoder lies that they were trained with, in place of what the file says; a folder, or "
        "a name on the hub (pip install 'avatar[encoder]')",
    )


def chosen_voice_network(args: argparse.Namespace) -> VoiceNetwork | None:
    """Return the network that the options of `add_voice_network` name, None for the shipped one.

    Raises:
        AvatarError: an encoder without a network.
        ModelError: the network cannot be used.
    """
    if args.voice_network is None:
        if args.voice_encoder is not None:
            raise AvatarError("--voice-encoder belongs to weights of your own: name them with --voice-network.")
        return None
    from avatar.motion.voice_network import load_voice_network  # noqa: PLC0415

    return load_voice_network(args.voice_network, encoder=args.voice_encoder)


def refuse_overwriting(out: Path, inputs: Sequence[Path | None]) -> None:
    """Raise AvatarError when writing `out` would destroy one of `inputs`, or cannot work."""
    if any(path is not None and path.exists() and out.exists() and out.samefile(path) for path in inputs):
        raise AvatarError(f"{out} is one of the inputs: choose another name for the output.")
    if out.is_dir():
        raise AvatarError(f"{out} is a folder: name a file in it.")
    if not out.parent.is_dir():
        raise AvatarError(f"The folder {out.parent} does not exist.")
