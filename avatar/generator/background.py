"""What is put behind the person in place of the photo's own background: made once, when an avatar is opened."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.config import Background, LimitSettings
from avatar.errors import ImageError
from avatar.media.photo import read_photo
from avatar.types import U8

BLUR_SHARE: Final = 0.035
"""Radius of the blur as a share of the picture's height: shapes remain, faces and words do not."""


def behind_person(background: Background, plate: U8, picture_size: tuple[int, int], spare: int) -> U8:
    """Return what lies behind the person, (height + 2 spare, width + 2 spare, 3) RGB.

    Args:
        background: what is asked for; `transparent` is black, on which premultiplied colours stand.
        plate: the photo's own background without the person, of that size.
        picture_size: (width, height) of the picture.
        spare: pixels that it goes on beyond the picture on each side.

    Raises:
        ImageError: the picture's file cannot be read.
    """
    match background.kind:
        case "blur":
            return np.asarray(cv2.GaussianBlur(plate, (0, 0), BLUR_SHARE * picture_size[1]), np.uint8)
        case "colour":
            return np.full_like(plate, background.rgb or (0, 0, 0))
        case "picture":
            return np.pad(
                _filling(background_picture(background), picture_size), ((spare, spare), (spare, spare), (0, 0)), "edge"
            )
        case "transparent":
            return np.zeros_like(plate)
    return plate


def background_bytes(background: Background) -> bytes:
    """Return the encoded picture that is to be behind an avatar. Raises ImageError: the file cannot be read."""
    path = background.path
    if background.data is not None or path is None:
        return background.data or b""
    try:
        if path.stat().st_size > (most := LimitSettings().upload_bytes):
            raise ImageError(f"The background {path} is larger than {most:,} bytes: choose a smaller picture.")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"The background {path} cannot be read: {error.strerror or error}.") from error


def background_picture(background: Background) -> U8:
    """Return the picture that is to be behind an avatar, (height, width, 3) RGB. Raises ImageError."""
    data = background_bytes(background)
    try:
        return read_photo(data, LimitSettings())
    except ImageError as error:
        raise ImageError(f"The background {background.path or ''} cannot be used: {error}", code=error.code) from error


def _filling(picture: U8, size: tuple[int, int]) -> U8:
    """Return the middle of a picture, as large as fills (width, height)."""
    width, height = size
    scale = max(width / picture.shape[1], height / picture.shape[0])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    whole = cv2.resize(
        picture,
        (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale))),
        interpolation=flags,
    )
    left, top = (whole.shape[1] - width) // 2, (whole.shape[0] - height) // 2
    return np.ascontiguousarray(whole[top : top + height, left : left + width], np.uint8)
