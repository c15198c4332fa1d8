"""Reads untrusted photos safely: any common format in, one upright RGB picture out."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar, overload

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from avatar.config import LimitSettings
from avatar.errors import ImageError
from avatar.media.colour_profile import as_srgb, jpeg_profile
from avatar.media.exif import orientation, scan_count, without_metadata
from avatar.media.photo_parts import gif_size, has_too_many_parts
from avatar.plain_text import in_bytes
from avatar.types import U8

_Result = TypeVar("_Result")

LONGEST_SIDE: Final = 2048
"""Pixels: larger photos are reduced to this, no avatar is drawn larger."""
SHORTEST_SIDE: Final = 96
"""Pixels: the least a face needs, so the least a photo needs."""

_FORMATS: Final[Mapping[bytes, Callable[[io.BytesIO], ImageFile]]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"RIFF": WebPImageFile,
    b"BM": BmpImageFile,
    b"GIF8": GifImageFile,
}
"""How files of each format begin. `Image.open` would do, but it prints a warning of its own about large ones."""
_HEIC: Final = (
    "HEIC photos cannot be read here. Save the photo as JPEG (on an iPhone: Settings, Camera, Formats, Most "
    "Compatible) and try again."
)
_AVIF: Final = "AVIF pictures cannot be read here. Save the picture as JPEG or PNG and try again."
_FOREIGN: Final = {
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1", b"hevc"), _HEIC),
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
}
"""What is said of formats that phones and web pages have and that are not read, by the brand that files begin with."""
_MOST_SCANS: Final = 100
_MOST_SCANNED: Final = 500_000_000
"""Cameras write up to about 12 scans into a progressive JPEG, and a decoder goes through the whole picture for each: a
hundred of 40 million pixels would take it five seconds."""
_BAND_ROWS: Final = 256
"""Rows that are converted at once: a whole large picture in another mode would take twice its memory."""
_UNDER_TRANSPARENT: Final = (128, 128, 128)
DECODER_ERRORS: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
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


class UploadedPhotos(Sequence[U8]):
    """The photos of one upload: all are checked at once, and each is decoded when it is looked at, and again if it is
    looked at again. So what no face is found in costs no more than itself, and one picture at a time is in memory."""

    def __init__(self, files: Sequence[bytes], limits: LimitSettings) -> None:
        """Check what each file says of itself. Raises ImageError as `read_photo`, with the photo's number."""
        self._files, self._limits = files, limits
        together = 0
        for index in range(len(files)):
            together += self._numbered(index, _pixel_count)
            if together > limits.upload_pixels_together:
                raise ImageError(
                    f"The photos are too large: {together / 1e6:.0f} million pixels and more, at most "
                    f"{limits.upload_pixels_together / 1e6:.0f} million together. Use fewer, or smaller versions.",
                    code="too_many_pixels",
                )

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> U8: ...
    @overload
    def __getitem__(self, index: slice) -> list[U8]: ...
    def __getitem__(self, index: int | slice) -> U8 | list[U8]:
        """Decode a photo. Raises ImageError."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return self._numbered(range(len(self))[index], read_photo)

    def _numbered(self, index: int, read: Callable[[bytes, LimitSettings], _Result]) -> _Result:
        try:
            return read(self._files[index], self._limits)
        except ImageError as error:
            which = f"Photo {index + 1}: " if len(self) > 1 else ""
            raise ImageError(f"{which}{error}", code=error.code) from error


def photo_bytes(path: Path, limits: LimitSettings) -> bytes:
    """Return a file that should be a photo, of what is too large only as much as shows that. Raises OSError."""
    with path.open("rb") as file:
        return file.read(limits.upload_bytes + 1)


def read_photo(data: bytes, limits: LimitSettings) -> U8:
    """Return the photo in `data` as RGB, uint8, (height, width, 3), upright and at most 2048 pixels long.

    JPEG, PNG, WebP, BMP and still GIF are read. Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparent
    parts are laid on a neutral grey; the EXIF orientation and the colours that phones and cameras write are applied
    (`colour_profile`), and all other metadata is dropped. Limits are checked against the header, before anything is
    decoded.

    Raises ImageError with one of the codes `too_many_bytes`, `not_an_image`, `too_many_pixels`, `image_too_small`,
    `animated_image`, `truncated_image`.
    """
    image, exif = _open_checked(data, limits)
    with image:
        _decode(image)
        exif = exif or image.info.get("exif", b"")  # where PNG and WebP keep theirs
        profile = jpeg_profile(data) if image.format == "JPEG" else image.info.get("icc_profile")  # None: damaged
        rgb = _reduced_rgb(image)
    turn = _TURNS.get(orientation(exif))
    return as_srgb(np.array(rgb if turn is None else rgb.transpose(turn), dtype=np.uint8), profile)


def _pixel_count(data: bytes, limits: LimitSettings) -> int:
    image, _ = _open_checked(data, limits)
    with image:
        return image.width * image.height


def _open_checked(data: bytes, limits: LimitSettings) -> tuple[ImageFile, bytes]:
    """Return a picture that is within the limits and not yet decoded, and its EXIF block where it is a JPEG's."""
    if len(data) > limits.upload_bytes:
        raise ImageError(
            f"The photo has more than {in_bytes(limits.upload_bytes)}, the most that can be taken. Use a smaller "
            "version of it.",
            code="too_many_bytes",
        )
    if has_too_many_parts(data):
        raise truncated()
    bare, exif = without_metadata(data)
    if bare.startswith(b"GIF8"):
        check_size(gif_size(bare), limits)
    image = _open(bare)
    try:
        _check_header(image, bare, limits)
    except BaseException:
        image.close()
        raise
    return image, exif


def _open(data: bytes) -> ImageFile:
    for beginning, open_format in _FORMATS.items():
        if data.startswith(beginning):
            try:
                return open_format(io.BytesIO(data))
            except (SyntaxError, IndexError, TypeError, KeyError, EOFError, struct.error) as error:
                raise _not_an_image() from error
            except DECODER_ERRORS as error:
                raise truncated() from error
    if data[4:8] == b"ftyp" and (advice := _FOREIGN.get(data[8:12])) is not None:
        raise ImageError(advice, code="not_an_image")
    raise _not_an_image()


def _check_header(image: ImageFile, data: bytes, limits: LimitSettings) -> None:
    check_size(image.size, limits)
    try:
        animated = getattr(image, "is_animated", False)
    except DECODER_ERRORS as error:
        raise truncated() from error
    if animated:
        raise ImageError("This is an animation. Use a still photo.", code="animated_image")
    if image.format == "JPEG":
        scans, (width, height) = scan_count(data), image.size
        if scans > _MOST_SCANS or scans * width * height > _MOST_SCANNED:
            raise truncated()


def check_size(size: tuple[int, int], limits: LimitSettings) -> None:
    """Raise ImageError where a photo has too many pixels or too few."""
    width, height = size
    if width * height > limits.upload_pixels:
        raise ImageError(
            f"The photo is too large ({width} x {height} pixels, at most {limits.upload_pixels / 1e6:.0f} million). "
            "Use a smaller version of it.",
            code="too_many_pixels",
        )
    if min(width, height) < SHORTEST_SIDE or min(width, height) * LONGEST_SIDE < SHORTEST_SIDE * max(width, height):
        raise ImageError(
            f"The photo has only {width} x {height} pixels. Use one of at least {SHORTEST_SIDE} x {SHORTEST_SIDE}, "
            "better 512 x 512 or more.",
            code="image_too_small",
        )


def _decode(image: ImageFile) -> None:
    longest = max(image.size)
    try:
        if longest > LONGEST_SIDE:
            # A JPEG can be decoded at a half, a quarter or an eighth: several times faster for a phone's photo.
            image.draft(None, (image.width * LONGEST_SIDE // longest, image.height * LONGEST_SIDE // longest))
        image.load()
    except DECODER_ERRORS as error:
        raise truncated() from error


def _reduced_rgb(image: Image.Image) -> Image.Image:
    """Return a decoded picture as RGB, at most `LONGEST_SIDE` long."""
    width, height = image.size
    factor = max(1, max(width, height) // LONGEST_SIDE)
    reduced = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, _BAND_ROWS * factor):
        band = _opaque_rgb(image.crop((0, top, width, min(top + _BAND_ROWS * factor, height))))
        reduced.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    reduced.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return reduced


def _opaque_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*_UNDER_TRANSPARENT, 255))
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")


def _not_an_image() -> ImageError:
    return ImageError(
        "This file is not a picture that can be read. Use a JPEG, PNG or WebP photo.", code="not_an_image"
    )


def truncated() -> ImageError:
    """Return what to raise of a photo that cannot be decoded whole."""
    return ImageError(
        "The photo is damaged or was not received whole. Send it again, or save it anew and send that.",
        code="truncated_image",
    )
