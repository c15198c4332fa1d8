"""Pictures are marked so that nobody sees it, and the mark is found after what happens to pictures on their way."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.commands.main import main
from avatar.config import LimitSettings, PictureSettings
from avatar.identities.builtin import builtin_face
from avatar.media.colour import to_i420
from avatar.media.movie_writer import MovieWriter
from avatar.media.photo import read_photo
from avatar.trust.marks import Verdict
from avatar.trust.watermark import REUSED, Mark, Marker, marker_of
from avatar.trust.watermark_carrier import PUBLIC_KEY, carrier_of
from avatar.trust.watermark_numbers import MarkNumbers
from avatar.trust.watermark_reader import Watermark
from avatar.trust.watermark_search import Sighting, find_mark
from avatar.types import F32, U8
from benchmarks import watermark_attacks as attacks

NUMBERS = MarkNumbers(server=5, day=332, call=12345)


def portrait(width: int, height: int, sway_px: float = 0.0) -> U8:
    """Return a built-in face's photo, (height, width, 3) RGB, whose person sways before the still background."""
    photo = read_photo(builtin_face("mira").image.read_bytes(), LimitSettings())
    scale = max(width / photo.shape[1], height / photo.shape[0])
    rgb = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:height, :width]
    shift = np.array([[1, 0, sway_px], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(rgb, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, width), np.linspace(-1.4, 1.4, height))
    person = np.clip(3 - 3 * np.hypot(x, y), 0, 1)[..., None]
    return np.asarray(np.rint(person * moved + (1 - person) * rgb), np.uint8)


def clip(width: int = 512, height: int = 512, pictures: int = 40) -> list[U8]:
    return [to_i420(portrait(width, height, 6 * np.sin(index / 6))) for index in range(pictures)]


def marked(pictures: list[U8], mark: Mark | None = None) -> list[U8]:
    marker = Marker(mark or Mark(NUMBERS))
    return [marker.mark_i420(picture) for picture in pictures]


def found(pictures: list[U8], key: str = PUBLIC_KEY) -> Sighting:
    return find_mark(mean_luma(pictures), carrier_of(key))


def mean_luma(pictures: list[U8]) -> F32:
    height = pictures[0].shape[0] * 2 // 3
    return np.asarray(np.mean([picture[:height] for picture in pictures], axis=0), np.float32)


def psnr_db(one: U8, other: U8) -> float:
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 10 * math.log10(255**2 / error)


@pytest.fixture(scope="module")
def clips() -> tuple[list[U8], list[U8]]:
    """Return a clip as drawn, and marked."""
    plain = clip()
    return plain, marked(plain)


@pytest.mark.parametrize(
    "attack",
    [
        attacks.h264,
        lambda pictures: attacks.resized(attacks.h264(pictures)),
        lambda pictures: attacks.cropped(attacks.h264(pictures)),
        lambda pictures: attacks.recoloured(attacks.mirrored(attacks.h264(pictures))),
    ],
    ids=["h264", "resized", "cropped", "recoloured and mirrored"],
)
def test_the_numbers_are_read_after_what_happens_to_pictures(
    clips: tuple[list[U8], list[U8]], attack: Callable[[list[U8]], list[U8]]
) -> None:
    seen = found(attack(clips[1]))
    assert seen.sure and seen.numbers == NUMBERS


def test_nobody_sees_it(clips: tuple[list[U8], list[U8]]) -> None:
    for plain, mark in zip(clips[0][::20], clips[1][::20], strict=True):
        rgb = [np.asarray(cv2.cvtColor(each, cv2.COLOR_YUV2RGB_I420), np.uint8) for each in (plain, mark)]
        assert psnr_db(*rgb) >= 43
        assert int(np.abs(rgb[0].astype(int) - rgb[1]).max()) <= 14
        assert np.array_equal(plain[512:], mark[512:])  # colours stay as they are
    # It stands still: what changes from picture to picture is the picture, not the mark.
    once, again = marked([clips[0][0]] * 2)
    assert np.array_equal(once, again)


def test_the_mark_is_as_strong_as_what_is_shown_a_few_pictures_later_allows() -> None:
    busy = np.full((768, 512), 128, np.uint8)
    busy[:512] = np.random.default_rng(0).integers(0, 255, (512, 512))
    smooth = np.full_like(busy, 128)
    marker = Marker(Mark(NUMBERS))
    strengths = [psnr_db(picture, marker.mark_i420(picture)) for picture in (busy, *[smooth] * REUSED)]
    assert strengths[-1] == psnr_db(smooth, Marker(Mark(NUMBERS)).mark_i420(smooth)) > strengths[0] + 6
    assert min(strengths) > 43, "meanwhile nobody sees it"


@pytest.mark.parametrize("size", [(256, 256), (320, 568), (1280, 720)])
def test_pictures_of_any_size_are_marked(size: tuple[int, int]) -> None:
    pictures = clip(*size, pictures=12)
    seen = found(attacks.h264(marked(pictures), 1_500_000))
    assert seen.numbers == NUMBERS and seen.sure


def test_one_marker_marks_pictures_whose_size_changes_in_mid_call() -> None:
    marker = Marker(Mark(NUMBERS))
    seen = [found([marker.mark_i420(to_i420(portrait(side, side)))]) for side in (512, 256, 512)]
    assert [sighting.numbers for sighting in seen] == [NUMBERS] * 3


def test_no_mark_is_found_where_there_is_none(clips: tuple[list[U8], list[U8]]) -> None:
    assert not found(clips[0]).sure
    stripes = np.tile((np.arange(512) // 4 % 2 * 200 + 20).astype(np.float32), (512, 1))
    assert not find_mark(stripes, carrier_of(PUBLIC_KEY)).sure


def test_a_key_of_ones_own_hides_the_mark_from_others(clips: tuple[list[U8], list[U8]]) -> None:
    own = marked(clips[0][:10], Mark(NUMBERS, "a key of our own"))
    assert found(own, "a key of our own").numbers == NUMBERS
    assert not found(own).sure


def test_colours_and_planes_are_marked_alike() -> None:
    rgb = portrait(512, 512)
    luma = cv2.cvtColor(Marker(Mark(NUMBERS)).mark_rgb(rgb), cv2.COLOR_RGB2GRAY).astype(np.float32)
    assert find_mark(luma, carrier_of(PUBLIC_KEY)).numbers == NUMBERS


def test_before_nothing_only_the_person_is_marked() -> None:
    rgba = np.dstack([portrait(512, 512), np.full((512, 512), 255, np.uint8)])
    rgba[:, :200] = 0
    marker = Marker(Mark(NUMBERS))
    coloured = marker.mark_rgb(rgba)
    assert not coloured[:, :190].any() and np.array_equal(coloured[..., 3], rgba[..., 3])
    assert (coloured[..., :3] <= coloured[..., 3:]).all()
    beside = to_i420(rgba)
    planes = marker.mark_i420(beside, matte=True)
    assert np.array_equal(planes[:512, 512:], beside[:512, 512:])  # the matte itself
    assert np.array_equal(planes[:512, :190], beside[:512, :190])
    assert not np.array_equal(planes[:512, 200:512], beside[:512, 200:512])


def test_who_asks_for_none_gets_none() -> None:
    rgb = portrait(128, 128)
    off = marker_of(PictureSettings(watermark="off"))
    assert off.mark_rgb(rgb) is rgb
    assert marker_of(PictureSettings(), call=7, today=datetime.date(2026, 1, 3)).mark == Mark(MarkNumbers(0, 2, 7))


def test_verify_tells_what_a_movie_and_a_picture_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker = Marker(Mark(NUMBERS))
    movie, picture, plain = tmp_path / "call.mp4", tmp_path / "call.png", tmp_path / "photo.png"
    with MovieWriter(movie, (320, 320), 15, sound=False) as writer:
        for index in range(8):
            writer.picture(marker.mark_rgb(portrait(320, 320, index)), index / 15)
    for path, rgb in ((picture, marker.mark_rgb(portrait(512, 512))), (plain, portrait(512, 512))):
        cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    reader = Watermark(today=lambda: datetime.date(2026, 12, 1))
    for path in (movie, picture):
        finding = reader.read(path)
        assert finding.verdict is Verdict.FOUND and finding.generated
        assert finding.values["call"] == 12345 and finding.values["day"] == "2026-11-29"
        assert finding.false_alarm is not None and finding.false_alarm < 1e-9
    assert reader.read(plain).verdict is Verdict.ABSENT
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no movie")
    assert reader.read(broken).verdict is Verdict.UNREADABLE
    assert main(["verify", str(picture)]) == 0
    assert "call 12345" in capsys.readouterr().out
