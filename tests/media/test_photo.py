"""Photos as people have them, good and bad."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import ImageError
from avatar.media import photo as photo_module
from avatar.media.photo import LONGEST_SIDE, UploadedPhotos, photo_bytes, read_photo
from avatar.types import U8

LIMITS = LimitSettings()


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """A smooth picture whose top left is red, top right green and bottom blue."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width, y / height
    rgb = np.stack([(1 - x) * (1 - y), x * (1 - y), y], axis=-1)
    return Image.fromarray((rgb * 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def difference(rgb: U8, image: Image.Image) -> float:
    return float(np.abs(rgb.astype(int) - np.asarray(image.convert("RGB"), int)).mean())


def refusal(data: bytes, limits: LimitSettings = LIMITS) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(data, limits)
    assert len(str(caught.value)) > 20, "a refusal says what to do"
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_common_formats_come_out_as_they_look(kind: str) -> None:
    rgb = read_photo(encoded(scene(), kind), LIMITS)
    assert rgb.shape == (240, 320, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert difference(rgb, scene()) < 3


def test_a_progressive_jpeg_is_read() -> None:
    assert difference(read_photo(encoded(scene(), "JPEG", progressive=True), LIMITS), scene()) < 3


def test_grey_is_read_as_rgb() -> None:
    assert difference(read_photo(encoded(scene().convert("L"), "JPEG"), LIMITS), scene().convert("L")) < 2


def test_sixteen_bits_keep_their_brightness() -> None:
    grey = np.asarray(scene().convert("L"))
    sixteen = Image.fromarray(grey.astype(np.uint16) * 257)
    assert difference(read_photo(encoded(sixteen), LIMITS), scene().convert("L")) < 1


def test_cmyk_keeps_its_colours() -> None:
    rgb = read_photo(encoded(scene().convert("CMYK"), "JPEG", quality=95), LIMITS)
    assert difference(rgb, scene()) < 6


def test_a_palette_with_a_transparent_colour_and_one_bit() -> None:
    palette = scene().quantize(64)
    assert difference(read_photo(encoded(palette), LIMITS), scene()) < 8
    palette.info["transparency"] = 0
    assert read_photo(encoded(palette), LIMITS).shape == (240, 320, 3)
    assert read_photo(encoded(scene().convert("1")), LIMITS).shape == (240, 320, 3)


def test_transparent_parts_lie_on_neutral_grey() -> None:
    image = scene().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat([[0, 255]], 240, axis=0).repeat(160, axis=1).astype(np.uint8)))
    rgb = read_photo(encoded(image), LIMITS)
    assert (rgb[:, :159] == 128).all()
    assert np.abs(rgb[:, 161:].astype(int) - np.asarray(scene(), int)[:, 161:]).max() <= 1


def exif_of(orientation: int, extra: bytes = b"") -> bytes:
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHHI", 0x0112, 3, 1, orientation, 0, 0) + extra


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_taken_with_the_phone_turned_is_upright(orientation: int, kind: str) -> None:
    # Stored as the sensor saw it: what undoes each orientation is applied backwards.
    stored_by = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(stored_by[orientation]) if orientation in stored_by else scene()
    rgb = read_photo(encoded(stored, kind, exif=exif_of(orientation)), LIMITS)
    assert rgb.shape == (240, 320, 3)
    assert difference(rgb, scene()) < 3


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    blocks = (b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment for segment in segments)
    return jpeg[:2] + b"".join(blocks) + jpeg[2:]


def test_huge_and_broken_exif_does_no_harm() -> None:
    jpeg = encoded(scene(), "JPEG")
    entries = b"".join(struct.pack("<HHII", tag, 1, 4_000_000_000, 8) for tag in range(1, 5000))
    hostile = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 4999) + entries
    filler = [b"Exif\0\0" + bytes(65_000)] * 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning for each bad entry would flood a server's log
        for data in (
            with_segments(jpeg, hostile),
            with_segments(jpeg, exif_of(6)[:20]),
            with_segments(jpeg, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
            with_segments(jpeg, *filler),
            with_segments(jpeg, exif_of(99)),
        ):
            assert difference(read_photo(data, LIMITS), scene()) < 3


@pytest.mark.slow
def test_a_large_photo_is_reduced() -> None:
    rgb = read_photo(encoded(scene(4000, 3000), "JPEG"), LIMITS)
    assert rgb.shape == (1536, LONGEST_SIDE, 3)
    assert difference(rgb, scene(LONGEST_SIDE, 1536)) < 3


def test_what_is_not_an_image_is_refused() -> None:
    for data in (b"", b"hello", b"%PDF-1.7 " + bytes(1000), b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        assert refusal(data) == "not_an_image"
    assert refusal(b"II*\0" + bytes(100)) == "not_an_image"


@pytest.mark.parametrize(("brand", "advice"), [(b"heic", "Most Compatible"), (b"avif", "AVIF pictures cannot be read")])
def test_a_photo_in_a_phones_format_is_refused_with_advice(brand: bytes, advice: str) -> None:
    with pytest.raises(ImageError, match=advice):
        read_photo(b"\0\0\0\x18ftyp" + brand + bytes(100), LIMITS)


def test_of_a_file_that_is_no_photo_no_more_is_read_than_shows_that(tmp_path: Path) -> None:
    film = tmp_path / "film.jpg"
    with film.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte, of which the disk holds nothing
    data = photo_bytes(film, LIMITS)
    assert len(data) == LIMITS.upload_bytes + 1
    with pytest.raises(ImageError, match="more than 10 MB, the most that can be taken"):
        read_photo(data, LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_truncated_photo_is_refused(kind: str) -> None:
    data = encoded(scene(), kind)
    assert refusal(data[: len(data) // 2]) == "truncated_image"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_refused(kind: str) -> None:
    other = scene().transpose(Image.Transpose.ROTATE_180)
    assert refusal(encoded(scene(), kind, save_all=True, append_images=[other])) == "animated_image"


def test_one_pixel_and_a_strip_are_refused() -> None:
    assert refusal(encoded(Image.new("RGB", (1, 1)))) == "image_too_small"
    assert refusal(encoded(scene(400, 95))) == "image_too_small"
    assert refusal(encoded(scene(10_000, 120), "JPEG")) == "image_too_small"


def test_too_many_bytes_are_refused_unread() -> None:
    assert refusal(bytes(1001), LimitSettings(upload_bytes=1000)) == "too_many_bytes"


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("error")  # a command would print a warning before the sentence
@pytest.mark.parametrize("side", [7_000, 10_000, 20_000, 65_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    assert refusal(png_claiming(side, side)) == "too_many_pixels"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "WEBP"])
def test_a_photo_beyond_what_may_be_decoded_is_refused_in_one_sentence(kind: str) -> None:
    data = encoded(Image.new("L", (1200, 1600)), kind)
    with pytest.raises(
        ImageError, match=r"^The photo is too large \(1200 x 1600 pixels, at most 1 million\)"
    ) as caught:
        read_photo(data, LimitSettings(upload_pixels=1_000_000))
    assert caught.value.code == "too_many_pixels"


@pytest.mark.filterwarnings("error")
def test_a_gif_whose_picture_is_larger_than_its_screen_is_measured_by_the_picture() -> None:
    data = bytearray(encoded(scene(), "GIF"))
    data[6:10] = struct.pack("<HH", 100, 100)
    assert read_photo(bytes(data), LIMITS).shape == (240, 320, 3)
    assert refusal(bytes(data), LimitSettings(upload_pixels=60_000)) == "too_many_pixels"


def parts(kind: str, count: int) -> bytes:
    """A picture with so many comments without text."""
    data = encoded(scene(), kind)
    if kind == "JPEG":
        return data[:2] + b"\xff\xfe\x00\x02" * count + data[2:]
    if kind == "PNG":
        comment = b"tEXtk\0"
        return data[:33] + (struct.pack(">I", 2) + comment + struct.pack(">I", zlib.crc32(comment))) * count + data[33:]
    palette = 13 + (3 << (data[10] & 7) + 1)
    return data[:palette] + b"\x21\xfe\x01k\x00" * count + data[palette:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_file_cut_into_more_parts_than_its_bytes_need_is_refused(kind: str) -> None:
    assert read_photo(parts(kind, 100), LIMITS).shape == (240, 320, 3)
    assert refusal(parts(kind, 3_000)) == "truncated_image"


@pytest.mark.slow
def test_a_large_picture_of_any_mode_looks_as_it_did_small() -> None:
    small = scene(480, 360)
    large = small.resize((4160, 3120), Image.Resampling.BICUBIC)
    shown = small.resize((LONGEST_SIDE, 1536), Image.Resampling.BICUBIC)
    grey = np.asarray(large.convert("L"))
    half_clear = large.convert("RGBA")
    half_clear.putalpha(128)
    over_grey = Image.blend(Image.new("RGB", shown.size, (128, 128, 128)), shown, 128 / 255)
    for stored, wanted in (
        (large, shown),
        (Image.fromarray(grey.astype(np.uint16) * 257), shown.convert("L")),
        (half_clear, over_grey),
    ):
        rgb = read_photo(encoded(stored, compress_level=1), LIMITS)
        assert rgb.shape == (1536, LONGEST_SIDE, 3)
        assert difference(rgb, wanted) < 1.5


def test_the_photos_of_an_upload_have_their_limit_together_and_are_checked_before_any_is_decoded() -> None:
    photo = encoded(scene())
    damaged = photo[: len(photo) // 2]
    limits = LimitSettings(upload_pixels_together=3 * 320 * 240)
    photos = UploadedPhotos([photo, damaged, photo], limits)
    assert len(photos) == 3
    assert difference(photos[0], scene()) < 3
    assert len(photos[::2]) == 2
    with pytest.raises(ImageError, match=r"^Photo 2: The photo is damaged"):
        list(photos)
    with pytest.raises(ImageError, match=r"^The photos are too large: .* together") as caught:
        UploadedPhotos([damaged] * 4, limits)
    assert caught.value.code == "too_many_pixels"
    with pytest.raises(ImageError, match=r"^Photo 3: This file is not a picture"):
        UploadedPhotos([photo, photo, b"no photo"], limits)


def test_a_jpeg_of_more_scans_than_cameras_write_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown with an ordinary progressive photo and a low bound."""
    jpeg = encoded(scene(), "JPEG", progressive=True)
    assert read_photo(jpeg, LIMITS).shape == (240, 320, 3)
    monkeypatch.setattr(photo_module, "_MOST_SCANS", 4)
    assert refusal(jpeg) == "truncated_image"


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF"]),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_damaged_bytes_give_a_picture_or_a_clear_refusal(kind: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(scene(120, 100), kind))
    for at, value in changes:
        data[at % len(data)] = value
    try:
        rgb = read_photo(bytes(data), LimitSettings(upload_pixels=1_000_000))
    except ImageError:
        return
    assert rgb.dtype == np.uint8
    assert rgb.shape[2:] == (3,)
