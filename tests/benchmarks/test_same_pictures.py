"""How far two runs are apart, told from what they gave out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.media.movie_writer import MovieWriter
from benchmarks.fixed_media import VOICE_RATE, voice_like
from benchmarks.same_pictures import Difference, difference
from benchmarks.same_pictures_side import Keeper, run_command

PICTURES = [np.full((4, 6, 3), level, np.uint8) for level in (10, 200)]
SOUND = np.linspace(-0.5, 0.5, 100, dtype=np.float32)[None]


def kept(path: Path, pictures: list[np.ndarray], sound: np.ndarray = SOUND) -> Path:
    with Keeper(path) as keeper:
        for picture in pictures:
            keeper.keep("pictures", picture)
        keeper.keep("sound", sound)
    return path


def test_the_same_pictures_do_not_differ(tmp_path: Path) -> None:
    found = difference(kept(tmp_path / "one", PICTURES), kept(tmp_path / "other", PICTURES))
    assert found == Difference(pictures=2, largest=0, differing=0, psnr_db=float("inf"), sound=0)
    assert found.within(0)


def test_one_value_of_one_picture_is_found(tmp_path: Path) -> None:
    changed = [picture.copy() for picture in PICTURES]
    changed[1][2, 3, 1] -= 5
    found = difference(kept(tmp_path / "one", PICTURES), kept(tmp_path / "other", changed))
    assert (found.largest, found.differing) == (5, 1)
    assert found.psnr_db == pytest.approx(10 * np.log10(255**2 / (25 / 144)))
    assert found.within(5) and not found.within(4)


def test_a_picture_or_samples_too_few_are_a_difference_however_much_is_allowed(tmp_path: Path) -> None:
    one = kept(tmp_path / "one", PICTURES)
    assert not difference(one, kept(tmp_path / "fewer", PICTURES[:1])).within(255)
    turned = [picture.transpose(1, 0, 2) for picture in PICTURES]
    assert not difference(one, kept(tmp_path / "turned", turned)).within(255)
    assert not difference(one, kept(tmp_path / "shorter", PICTURES, SOUND[:, :-1])).within(255)


def test_a_run_without_a_picture_is_not_the_same_as_another(tmp_path: Path) -> None:
    assert not difference(kept(tmp_path / "one", []), kept(tmp_path / "other", [])).within(255)


def test_a_samples_change_is_told_in_steps_of_16_bits(tmp_path: Path) -> None:
    louder = SOUND.copy()
    louder[0, 7] += 3 / 32767
    found = difference(kept(tmp_path / "one", PICTURES), kept(tmp_path / "other", PICTURES, louder))
    assert (found.largest, found.sound) == (0, 3)


def test_what_a_command_writes_is_kept_before_it_is_encoded(tmp_path: Path) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)

    def command(arguments: list[str]) -> int:
        with MovieWriter(Path(arguments[0]), (96, 64), 25, sound=True) as movie:
            movie.picture(rgb, 0.0)
            movie.picture(255 - rgb, 0.04)
            movie.sound(np.repeat(SOUND, 2, axis=0), 0)
        return 0

    for name in ("one", "other"):
        with Keeper(tmp_path / name) as keeper:
            run_command(command, ["OUT"], keeper)
    found = difference(tmp_path / "one", tmp_path / "other")
    assert (found.pictures, found.largest, found.sound) == (2, 0, 0)
    assert (tmp_path / "one.pictures").stat().st_size == 2 * 64 * 96 * 3 // 2
    assert (tmp_path / "one.sound").stat().st_size == 2 * 2 * SOUND.shape[1]


def test_a_command_that_fails_says_which_it_was(tmp_path: Path) -> None:
    with Keeper(tmp_path / "one") as keeper, pytest.raises(SystemExit, match="render --avatar nobody"):
        run_command(lambda arguments: 1, ["render", "--avatar", "nobody"], keeper)


def test_the_voice_is_the_same_every_time_loud_enough_and_pauses() -> None:
    voice = voice_like(2.0)
    assert np.array_equal(voice, voice_like(2.0)) and len(voice) == 2 * VOICE_RATE
    assert 0.2 < np.abs(voice).max() < 1 and not voice[:1000].any()
