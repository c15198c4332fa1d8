"""`avatar enroll`: photos in, an `.avatar` file out."""

from __future__ import annotations

import argparse
from pathlib import Path

from avatar.commands.options import Subparsers, refuse_overwriting
from avatar.config import LimitSettings
from avatar.errors import AvatarError, ImageError

OWN_PHOTO_LIMITS = LimitSettings(upload_bytes=100_000_000, upload_pixels=89_000_000)
"""One's own photos on one's own machine may be larger than what strangers may send to a server."""


def add_command(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "enroll",
        help="make an avatar file from photos",
        description="Make an avatar file from one or more photos of one person. The face should look at the camera, "
        "relaxed, mouth closed, well lit; a second photo with an open smile adds real teeth.",
        epilog="example:\n  avatar enroll me.jpg smiling.jpg -o me.avatar --name Ada",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="JPEG, PNG or WebP, of one person")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.avatar", help="the file to write")
    parser.add_argument("--name", help="the avatar's name (default: the file's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from avatar.generator.enrol import enrol  # noqa: PLC0415
    from avatar.generator.identity_file import write_identity  # noqa: PLC0415
    from avatar.images import read_photo  # noqa: PLC0415

    refuse_overwriting(args.out, args.photos)
    photos = []
    for path in args.photos:
        try:
            photos.append(read_photo(path.read_bytes(), OWN_PHOTO_LIMITS))
        except OSError as error:
            raise AvatarError(f"{path} cannot be read: {error.strerror}.") from error
        except ImageError as error:
            raise ImageError(f"{path}: {error}", code=error.code) from error
    write_identity(enrol(photos, name=args.name or args.out.stem), args.out)
    print(f"{args.out} ({args.out.stat().st_size / 1e6:.1f} MB) is ready. Use it:")
    print(f"  avatar serve --avatars {args.out.parent}")
    print(f"  avatar render --avatar {args.out} --driver CLIP.mp4 -o out.mp4")
    return 0
