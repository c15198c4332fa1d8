"""Photos as people have them, read safely: any common format in, one upright RGB picture out."""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from avatar.config import LimitSettings
from avatar.errors import ImageError
from avatar.photo_metadata import orientation, scan_count, without_metadata
from avatar.types import U8

LONGEST_SIDE: Final = 2048
"""Pixels: larger photos are reduced to this, no avatar is drawn larger."""
SHORTEST_SIDE: Final = 96
"""Pixels: the least a face needs, so the least a photo needs."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_MOST_SCANS: Final = 100
"""Cameras write up to about 12 scans into a progressive JPEG; thousands of empty ones make decoding take minutes."""
_UNDER_TRANSPARENT: Final = (128, 128, 128)
_BROKEN: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow's decoders raise on damaged data."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> the turn that undoes it."""


def read_photo(data: bytes, limits: LimitSettings) -> U8:
    """Return the photo in `data` as RGB, uint8, (height, width, 3), upright and at most 2048 pixels long.

    JPEG, PNG, WebP, BMP and still GIF are read. Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparent
    parts are laid on a neutral grey; the EXIF orientation is applied and all other metadata is dropped. Limits are
    checked against the header, before anything is decoded.

    Raises ImageError with one of the codes `too_many_bytes`, `not_an_image`, `too_many_pixels`, `image_too_small`,
    `animated_image`, `truncated_image`.
    """
    if len(data) > limits.upload_bytes:
        raise ImageError(
            f"The photo has {len(data) / 1e6:.2g} MB; at most {limits.upload_bytes / 1e6:.2g} MB can be taken. "
            "Use a smaller version of it.",
            code="too_many_bytes",
        )
    bare, exif = without_metadata(data)
    with _open(bare) as image:
        _check_header(image, bare, limits)
        _decode(image)
        exif = exif or image.info.get("exif", b"")  # where PNG and WebP keep theirs
        rgb = _reduced_rgb(image)
    turn = _TURNS.get(orientation(exif))
    return np.array(rgb if turn is None else rgb.transpose(turn), dtype=np.uint8)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(str(error)) from error
    except UnidentifiedImageError as error:
        if _looks_like_heic(data):
            raise ImageError(
                "HEIC photos cannot be read here. Save the photo as JPEG (on an iPhone: Settings, Camera, Formats, "
                "Most Compatible) and try again.",
                code="not_an_image",
            ) from error
        raise ImageError(
            "This file is not a picture that can be read. Use a JPEG, PNG or WebP photo.", code="not_an_image"
        ) from error
    except _BROKEN as error:
        raise _truncated() from error


def _check_header(image: Image.Image, data: bytes, limits: LimitSettings) -> None:
    width, height = image.size
    if width * height > limits.upload_pixels:
        raise _too_many_pixels(f"{width} x {height} pixels, at most {limits.upload_pixels / 1e6:.0f} million")
    if min(width, height) < SHORTEST_SIDE or min(width, height) * LONGEST_SIDE < SHORTEST_SIDE * max(width, height):
        raise ImageError(
            f"The photo has only {width} x {height} pixels. Use one of at least {SHORTEST_SIDE} x {SHORTEST_SIDE}, "
            "better 512 x 512 or more.",
            code="image_too_small",
        )
    try:
        animated = getattr(image, "is_animated", False)
    except _BROKEN as error:
        raise _truncated() from error
    if animated:
        raise ImageError("This is an animation. Use a still photo.", code="animated_image")
    if image.format == "JPEG" and scan_count(data) > _MOST_SCANS:
        raise _truncated()


def _decode(image: Image.Image) -> None:
    try:
        # A JPEG can be decoded at a half, a quarter or an eighth: several times faster for a phone's photo.
        image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(str(error)) from error
    except _BROKEN as error:
        raise _truncated() from error


def _reduced_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        image = Image.fromarray((np.asarray(image, np.int64) // 257).clip(0, 255).astype(np.uint8))
    if image.mode in ("1", "P", "PA"):  # indices into a palette cannot be averaged
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*_UNDER_TRANSPARENT, 255))
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _too_many_pixels(found: str) -> ImageError:
    return ImageError(f"The photo is too large ({found}). Use a smaller version of it.", code="too_many_pixels")


def _truncated() -> ImageError:
    return ImageError(
        "The photo is damaged or was not received whole. Send it again, or save it anew and send that.",
        code="truncated_image",
    )


def _looks_like_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc")
