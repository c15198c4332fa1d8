"""A phone's photo keeps its colours: what is said in Display P3 or Adobe RGB comes out as the same colour in sRGB."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from avatar.config import LimitSettings
from avatar.media.colour_profile import as_srgb
from avatar.media.photo import read_photo

P3, ADOBE = "Display P3", "Adobe RGB (1998)"


def profile(name: str, coding: str = "utf-16-be") -> bytes:
    """The beginning of a profile that bears a name, as far as it is looked at."""
    return bytes(128) + b"desc" + bytes(8) + name.encode(coding) + bytes(64)


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        (P3, (234, 51, 35), (255, 0, 0)),
        (P3, (117, 251, 76), (0, 255, 0)),
        (P3, (128, 128, 128), (128, 128, 128)),
        (ADOBE, (219, 0, 0), (255, 0, 0)),
        (ADOBE, (144, 255, 60), (0, 255, 0)),
        ("sRGB IEC61966-2.1", (200, 150, 130), (200, 150, 130)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_colour_comes_out_as_it_is_meant(
    kind: str, name: str, written: tuple[int, int, int], meant: tuple[int, int, int]
) -> None:
    out = io.BytesIO()
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    Image.new("RGB", (120, 120), written).save(out, kind, icc_profile=profile(name), **options)
    rgb = read_photo(out.getvalue(), LimitSettings())
    assert np.abs(rgb.reshape(-1, 3).astype(int) - meant).max() <= 4


def test_what_follows_a_profile_in_a_jpeg_says_nothing_of_it() -> None:
    out = io.BytesIO()
    other = bytes(20) + profile(P3)  # as in a note on how a photo was edited
    Image.new("RGB", (120, 120), (200, 40, 30)).save(
        out, "JPEG", quality=100, icc_profile=profile("sRGB"), comment=other
    )
    data = out.getvalue()
    assert data.index(b"ICC_PROFILE") < data.index(P3.encode("utf-16-be"))
    assert np.abs(read_photo(data, LimitSettings()).reshape(-1, 3).astype(int) - (200, 40, 30)).max() <= 4


def test_a_photo_whose_profile_is_damaged_is_read_all_the_same() -> None:
    out = io.BytesIO()
    Image.new("RGB", (120, 120), (200, 40, 30)).save(out, "PNG", icc_profile=profile(P3))
    data = out.getvalue()
    begin = data.index(b"iCCP")
    (length,) = struct.unpack(">I", data[begin - 4 : begin])
    chunk = b"iCCP" + b"icc\0\0" + bytes(length - 5)  # nothing that could be unpacked
    damaged = data[:begin] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[begin + length + 8 :]
    rgb = read_photo(damaged, LimitSettings())
    assert np.array_equal(rgb, np.broadcast_to(np.array([200, 40, 30], np.uint8), rgb.shape))


def test_a_profile_that_is_none_changes_nothing() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (300, 4, 3), np.uint8)
    for other in (None, b"", b"hello", bytes(5000) + profile(P3)):
        assert as_srgb(rgb, other) is rgb
    assert np.abs(as_srgb(rgb, profile(P3, "ascii")).astype(int) - rgb).max() > 5, "older profiles bear ASCII names"
