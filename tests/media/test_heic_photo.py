"""HEIC photos of the user's own."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import ImageError
from avatar.identities.open import read_own_photo
from avatar.media.heic_photo import is_heic, read_heic
from avatar.media.photo import LONGEST_SIDE, read_photo

pillow_heif = pytest.importorskip("pillow_heif")
LIMITS = LimitSettings()
ORIENTATION = 0x112


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rgb = np.stack([255 * x / width, 255 * y / height, np.full_like(x, 90)], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8))


def heic(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, **options)
    return file.getvalue()


def difference(rgb: np.ndarray, image: Image.Image) -> float:
    return float(np.abs(rgb.astype(int) - np.asarray(image).astype(int)).mean())


def test_a_photo_of_ones_own_is_read(tmp_path: Path) -> None:
    file = tmp_path / "IMG_0001.HEIC"
    file.write_bytes(heic(scene()))
    assert is_heic(file.read_bytes())
    rgb = read_own_photo(file)
    assert rgb.shape == (240, 320, 3)
    assert rgb.dtype == np.uint8
    assert difference(rgb, scene()) < 3


def test_it_lies_as_its_file_says() -> None:
    sideways = scene().transpose(Image.Transpose.ROTATE_90)  # undone by orientation 6
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    rgb = read_heic(heic(sideways, exif=exif.tobytes()), LIMITS)
    assert rgb.shape == (240, 320, 3)
    assert difference(rgb, scene()) < 3


def test_a_large_one_is_reduced() -> None:
    assert read_heic(heic(scene(2500, 1000)), LIMITS).shape == (819, LONGEST_SIDE, 3)


@pytest.mark.parametrize(("size", "code"), [((90, 200), "image_too_small"), ((700, 700), "too_many_pixels")])
def test_limits_hold_before_it_is_decoded(size: tuple[int, int], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(scene(*size))
    monkeypatch.setattr(pillow_heif.HeifFile, "to_pillow", None)
    with pytest.raises(ImageError) as refused:
        read_heic(data, LimitSettings(upload_pixels=400_000))
    assert refused.value.code == code


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_damaged_one_is_refused(share: float) -> None:
    data = heic(scene())
    with pytest.raises(ImageError) as refused:
        read_heic(data[: int(share * len(data))], LIMITS)
    assert refused.value.code == "truncated_image"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(scene())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"pip install 'avatar\[heic\]'"):
        read_heic(data, LIMITS)


def test_strangers_uploads_are_not_read_so() -> None:
    with pytest.raises(ImageError, match="HEIC photos cannot be read here"):
        read_photo(heic(scene()), LIMITS)
