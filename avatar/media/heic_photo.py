"""HEIC photos of the user's own, as iPhones take them, read with pillow-heif (the extra `heic`).

Uploads of strangers are not read so: libheif and libde265 are large decoders, and the page sends JPEG anyway.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import ImageError
from avatar.media.colour_profile import NAMED_WITHIN, as_srgb
from avatar.media.photo import LONGEST_SIDE, check_size, truncated
from avatar.types import U8

BRANDS: Final = frozenset({b"heic", b"heix", b"mif1"})
"""What files of one such picture begin with, after `ftyp`."""
_HOW: Final = (
    "HEIC photos need the extra `heic`: pip install 'avatar[heic]'. Or save the photo as JPEG (on an iPhone: Settings, "
    "Camera, Formats, Most Compatible)."
)


def is_heic(data: bytes) -> bool:
    """Return whether a file begins as HEIC photos do."""
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def read_heic(data: bytes, limits: LimitSettings) -> U8:
    """Return the photo in `data` as RGB, uint8, (height, width, 3), upright, in sRGB and at most 2048 pixels long.

    The limits are checked before anything is decoded. How it lies is HEIC's own matter, and not EXIF's.

    Raises:
        ImageError: as `photo.read_photo`, or pillow-heif is not installed.
    """
    try:
        import pillow_heif  # noqa: PLC0415 - an extra, and only where such a photo comes
    except ImportError as error:
        raise ImageError(_HOW, code="not_an_image") from error
    try:
        picture = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
        check_size(picture.size, limits)
        image = picture.to_pillow().convert("RGB")
    except (ValueError, RuntimeError, OSError, EOFError) as error:
        raise truncated() from error
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return as_srgb(np.array(image, dtype=np.uint8), picture.info.get("icc_profile", b"")[:NAMED_WITHIN])
