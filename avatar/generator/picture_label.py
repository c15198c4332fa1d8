"""A label in every picture, such as "AI avatar": whoever sees the avatar, live or recorded, sees that it is one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avatar.config import PictureSettings
from avatar.errors import AvatarError
from avatar.generator.overlay import overlay
from avatar.generator.protocol import Generator, TargetFace
from avatar.generator.wrapped import WrappedGenerator
from avatar.types import U8, Motion

LETTER_SHARE: Final = 0.042
"""Height of the letters' em, as a share of the picture's shorter side,"""
SMALLEST_EM_PX: Final = 12
"""but not below this: at 256 x 256 they are still read, after H.264 too."""
WIDEST_SHARE: Final = 0.7
"""Of the picture's width; a longer wording gets smaller letters."""
LEAST_EM_PX: Final = 8
_MARGIN_SHARE: Final = 0.025
"""Between the label and the picture's edges, as a share of the shorter side."""
_PLATE: Final = (16, 18, 22, 165)
"""RGBA below the letters: dark enough for white ones before anything, with the picture still seen through it."""
_LETTERS: Final = (255, 255, 255, 255)
_NO_GLYPH: Final = "\U0010ffff"
"""No font has one: it is drawn as all letters are that a font does not have."""


class PictureLabel:
    """One label for pictures of one size."""

    def __init__(self, text: str, place: str, picture_size: tuple[int, int], font: Path | None = None) -> None:
        """Draw the label, once.

        Args:
            text: one line.
            place: `top` or `bottom`, in the middle, or one of these with `-left` or `-right`.
            picture_size: (width, height), pixels.
            font: a TrueType or OpenType file; None: the one that comes with Pillow, for Latin letters.

        Raises:
            AvatarError: the font cannot be read, or lacks a letter; code `bad_label`.
        """
        width, height = picture_size
        self._rgba = rgba = _label(text, min(width, height), width, font)
        margin = round(_MARGIN_SHARE * min(width, height))
        top = margin if place.startswith("top") else height - margin - rgba.shape[0]
        side = place.partition("-")[2]
        left = {"left": margin, "": (width - rgba.shape[1]) // 2, "right": width - margin - rgba.shape[1]}[side]
        self._at = slice(max(top, 0), top + rgba.shape[0]), slice(max(left, 0), left + rgba.shape[1])

    def lay(self, picture: U8) -> None:
        """Lay the label over a picture (height, width, 3) RGB or (height, width, 4) premultiplied RGBA, in place."""
        below = picture[self._at]
        if picture.shape[2] == 3:
            overlay(self._rgba, below, into=below)
            return
        share = cv2.bitwise_not(cv2.extractChannel(self._rgba, 3))
        kept = cv2.multiply(below, cv2.merge([share] * 4), scale=1 / 255)
        below[:] = cv2.add(kept, self._rgba)


class LabelledGenerator(WrappedGenerator):
    """A generator whose every picture has the label; all else is that of the generator it is made of."""

    def __init__(self, generator: Generator, label: PictureLabel) -> None:
        """Label what `generator` draws."""
        super().__init__(generator)
        self._label = label

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, as `Generator` says."""
        return self._labelled(super().render(motion))

    def draw(self, target_face: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        return self._labelled(super().draw(target_face))

    def _labelled(self, picture: U8) -> U8:
        self._label.lay(picture)
        return picture


def labelled(generator: Generator, settings: PictureSettings) -> Generator:
    """Return a generator whose pictures have the label that the settings ask for. Raises AvatarError (`bad_label`)."""
    if settings.label is None:
        return generator
    return LabelledGenerator(generator, label_of(settings, generator.picture_size))


def label_of(settings: PictureSettings, picture_size: tuple[int, int]) -> PictureLabel:
    """Return the label of settings that have one, for a size. Raises AvatarError (`bad_label`)."""
    assert settings.label is not None  # noqa: S101 - whoever asks has looked
    return PictureLabel(settings.label, settings.label_place, picture_size, settings.label_font)


@lru_cache(maxsize=16)
def _label(text: str, shorter_px: int, width_px: int, font: Path | None) -> U8:
    """Return the label, (height, width, 4) premultiplied RGBA; raises AvatarError."""
    em = max(SMALLEST_EM_PX, round(LETTER_SHARE * shorter_px))
    while True:
        letters = _font(font, em)
        left, top, right, bottom = letters.getbbox(text)
        pad = round(0.45 * em)
        width = round(right - left) + 2 * pad
        if width <= WIDEST_SHARE * width_px or em <= LEAST_EM_PX:
            break
        em -= 1
    if width > width_px:
        raise AvatarError(f"The label {text[:60]!r} is too long for pictures of {width_px} pixels.", code="bad_label")
    _check_letters(text, letters)
    height = round(bottom - top) + round(1.4 * pad)
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=0.3 * height, fill=_PLATE)
    draw.text((pad - left, round(0.7 * pad) - top), text, font=letters, fill=_LETTERS)
    rgba = np.asarray(image, np.uint8)
    share = cv2.cvtColor(np.ascontiguousarray(rgba[..., 3]), cv2.COLOR_GRAY2RGB)
    premultiplied = cv2.multiply(np.ascontiguousarray(rgba[..., :3]), share, scale=1 / 255)
    return np.dstack([premultiplied, rgba[..., 3]])


def _font(path: Path | None, em_px: int) -> ImageFont.FreeTypeFont:
    try:
        font = ImageFont.load_default(em_px) if path is None else ImageFont.truetype(str(path), em_px)
    except OSError as error:
        raise AvatarError(f"The label's font {path} cannot be read: {error}.", code="bad_label") from error
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise AvatarError("This build of Pillow has no FreeType, and can write no label.", code="bad_label")
    return font


def _check_letters(text: str, font: ImageFont.FreeTypeFont) -> None:
    if not text.strip() or "\n" in text:
        raise AvatarError("A label is one line with letters in it.", code="bad_label")
    missing = bytes(font.getmask(_NO_GLYPH))
    lacks = [letter for letter in text if not letter.isspace() and bytes(font.getmask(letter)) == missing]
    if lacks:
        raise AvatarError(
            f"The label's font has no letter {lacks[0]!r}: name one that has it with --label-font FILE.ttf.",
            code="bad_label",
        )
