"""The measures of quality: a known fault gives the figure it must give, and a real run over one clip."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.errors import ModelError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.network_input import REGIONS
from avatar.generator.protocol import TargetFace
from avatar.identities.open import open_identity
from avatar.media.movie_writer import MovieWriter
from avatar.types import U8, HeadPose, Motion
from benchmarks import clip_track, quality, reenactment
from benchmarks.clip_track import ClipTrack, slow_turn, stillest, strongest
from benchmarks.picture_measures import absolute_error, detail, flicker, open_mouth, open_part, psnr_db, ratio, ssim
from benchmarks.quality_sheet import CELL, LABEL, PER_BAND, Exhibit, contact_sheet, take_turns
from benchmarks.reenactment import SIZE, TargetFrame, fit_scale_and_shift, target_rows

NOISE = np.random.default_rng(5)
PICTURE: U8 = cv2.GaussianBlur(NOISE.integers(40, 210, (SIZE, SIZE, 3)).astype(np.uint8), (5, 5), 0)
FACE = (slice(100, 400), slice(120, 380))
MOUTH = (slice(300, 340), slice(220, 280))
EYES = (slice(180, 200), slice(180, 320))


def asked(real: U8 = PICTURE, *, mouth_open: bool = True) -> TargetFrame:
    """Return a frame whose face, eyes and mouth are known rectangles."""
    regions = np.zeros((SIZE, SIZE, len(REGIONS)), np.uint8)
    for name, part in (("face", FACE), ("eyes", EYES), *((("mouth", MOUTH),) if mouth_open else ())):
        regions[(*part, REGIONS.index(name))] = 255
    pose = HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 100.0)
    return TargetFrame(0, TargetFace(np.zeros((478, 3), np.float32), pose, np.zeros(52, np.float32)), real, regions)


def off_by(levels: int, part: tuple[slice, slice]) -> U8:
    """Return the picture with a part that is too bright."""
    wrong = PICTURE.copy()
    wrong[part] += np.uint8(levels)
    return wrong


def track(frames: int, *, yaw: np.ndarray | None = None, shake: np.ndarray | None = None) -> ClipTrack:
    """Return a made-up track at 30 frames a second: a yaw in degrees, a shift of the face in pixels."""
    landmarks = np.repeat(NOISE.normal(200, 40, (1, 478, 3)), frames, axis=0).astype(np.float32)
    landmarks[:, [33, 263]] = [[[150, 200, 0], [250, 200, 0]]]
    landmarks[..., 0] += (np.zeros(frames) if shake is None else shake)[:, None]
    turn = np.zeros((frames, 3), np.float32)
    turn[:, 1] = 0 if yaw is None else yaw
    numbers = np.arange(frames)
    opening = np.linspace(0, 1, frames).astype(np.float32)
    blendshapes = np.zeros((frames, 52), np.float32)
    return ClipTrack(Path("clip.mp4"), numbers, numbers / 30, landmarks, blendshapes, turn, opening, (400, 400))


def test_a_mouth_half_as_wrong_as_the_warps_has_a_ratio_of_one_half() -> None:
    figures = quality.compare([asked()], [off_by(20, MOUTH)], [off_by(10, MOUTH)])
    assert figures["mouth_l1_ratio"] == pytest.approx(0.5)
    assert figures["mouth_l1_geometry"] == pytest.approx(20)
    assert math.isnan(figures["eye_l1_ratio"]), "the warp's eyes are perfect: nothing to compare with"
    assert figures["face_psnr_gain_db"] == pytest.approx(20 * math.log10(2))
    assert figures["ssim_gain"] > 0


def test_the_warp_beside_itself_gains_nothing() -> None:
    made = off_by(12, FACE)
    figures = quality.compare([asked()] * 2, [made] * 2, [made] * 2)
    assert figures["mouth_l1_ratio"] == figures["eye_l1_ratio"] == 1
    assert figures["face_psnr_gain_db"] == figures["ssim_gain"] == 0


def test_closed_mouths_are_not_measured() -> None:
    figures = quality.compare([asked(mouth_open=False)], [off_by(20, FACE)], [off_by(10, FACE)])
    assert math.isnan(figures["mouth_l1_ratio"]) and math.isnan(figures["mouth_sharpness"])
    assert figures["eye_l1_ratio"] == pytest.approx(0.5)


def test_a_slit_between_lips_is_no_open_mouth() -> None:
    face, slit = asked().region("face"), np.zeros((SIZE, SIZE), np.uint8)
    slit[300:303, 200:260] = 255
    assert open_part(slit).any() and not open_mouth(slit, face).any()
    assert open_mouth(asked().region("mouth"), face).sum() == 40 * 60


def test_what_lies_outside_the_region_does_not_count() -> None:
    inside = asked().region("mouth") > 127
    assert absolute_error(off_by(30, EYES), PICTURE, inside) == 0
    assert absolute_error(off_by(30, MOUTH), PICTURE, inside) == pytest.approx(30 * 40 * 60)
    assert math.isnan(ratio([1.0], [0.0]))


def test_psnr_and_similarity_of_known_pictures() -> None:
    face = asked().region("face") > 127
    assert psnr_db(off_by(16, FACE), PICTURE, face) == pytest.approx(20 * math.log10(255 / 16), abs=1e-3)
    assert ssim(PICTURE, PICTURE, face) == 1
    blurred = np.asarray(cv2.GaussianBlur(PICTURE, (0, 0), 3), np.uint8)
    assert ssim(blurred, PICTURE, face) < 0.7 < ssim(off_by(4, FACE), PICTURE, face)


def test_a_grey_smear_is_not_sharp_and_noise_is_too_sharp() -> None:
    smear, noise = PICTURE.copy(), PICTURE.copy()
    smear[MOUTH] = 128
    noise[MOUTH] = NOISE.integers(0, 255, noise[MOUTH].shape)
    assert quality.sharpness([asked()], [PICTURE]) == 1
    assert quality.sharpness([asked()], [smear]) < 0.05
    assert quality.sharpness([asked()], [noise]) > 2
    assert detail(PICTURE, np.zeros((SIZE, SIZE), bool)) == (0, 0)


def test_flicker_is_blind_to_steady_change_but_sees_noise_and_popping() -> None:
    face = [asked().region("face") > 127] * 5
    brightening = [np.full((SIZE, SIZE, 3), 100 + 5 * step, np.uint8) for step in range(5)]
    popping = [np.full((SIZE, SIZE, 3), 100 + 8 * (step == 2), np.uint8) for step in range(5)]
    assert flicker(brightening, face) == 0
    assert flicker(popping, face) == pytest.approx((8 + 16 + 8) / 3)
    assert math.isnan(flicker(brightening[:2], face[:2]))


def test_clips_are_pooled_by_kind_and_gaps_are_left_out() -> None:
    rows = [
        {"mouth_l1_ratio": 0.4, "mouth_sharpness": 0.5, "flicker_still": 1.0, "flicker_turn": float("nan")},
        {"mouth_l1_ratio": 0.8, "mouth_sharpness": 2.0, "flicker_still": 1.1, "flicker_turn": 1.6},
        {"mouth_l1_ratio": float("nan"), "mouth_sharpness": 1.0, "flicker_still": 5.0, "flicker_turn": 1.2},
    ]
    figures = quality.pooled(rows)
    assert figures["mouth_l1_ratio"] == pytest.approx(0.6)
    assert figures["mouth_sharpness"] == pytest.approx(1.0), "half as sharp and twice as sharp even out"
    assert figures["flicker_still"] == 1.1 and figures["flicker_ratio"] == pytest.approx(1.4), "the worse of the two"


def test_targets_are_wide_mouths_and_an_even_spread_of_the_second_half() -> None:
    rows = target_rows(track(120), 20)
    assert min(rows) == 60 and max(rows) == 119 and 15 <= len(rows) <= 20
    assert strongest(np.array([0, 9, 8, 7, 6, 0, 0, 5], np.float32), 3) == [1, 4, 7], "not twice the same moment"


def test_still_and_slowly_turning_stretches_are_found() -> None:
    shake = np.concatenate([NOISE.normal(0, 3, 60), np.zeros(40), NOISE.normal(0, 3, 60)])
    still = stillest(track(160, shake=shake), range(160))
    assert still is not None and still.start >= 58 and still.stop <= 102
    yaw = np.concatenate([np.zeros(60), np.linspace(0, 15, 36), np.full(20, 15), 15 + 40 * np.arange(4), [175] * 20])
    turn = slow_turn(track(len(yaw), yaw=yaw), range(100))
    assert turn is not None and abs(turn.start - 60) <= 2
    assert slow_turn(track(120), range(120)) is None, "a head that does not turn has no turn"
    assert stillest(track(120), range(100, 105)) is None, "a moment is no stretch"


def test_the_real_frame_is_laid_exactly_into_the_avatars_picture() -> None:
    points = NOISE.normal(100, 30, (50, 2)).astype(np.float32)
    scale, shift = fit_scale_and_shift(points, points * np.float32(1.7) + np.array([5, -9], np.float32))
    assert scale == pytest.approx(1.7, abs=1e-4) and shift == pytest.approx([5, -9], abs=1e-2)


def test_every_clip_has_its_turn_on_the_contact_sheet() -> None:
    cell = np.zeros((CELL, CELL, 3), np.uint8)
    items = [Exhibit("mouth", clip, weight, (cell,) * 3) for clip in "ab" for weight in (1.0, 3.0, 2.0)]
    assert [(item.clip, item.weight) for item in take_turns(items, 3)] == [("a", 3.0), ("b", 3.0), ("a", 2.0)]
    assert contact_sheet(items, ("real", "geometry", "tier")).shape == (2 * LABEL + 3 * CELL, PER_BAND * CELL, 3)


@pytest.fixture(scope="module")
def clips(move: Callable[..., Motion], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of a built-in face that turns, speaks and blinks for 1.6 s."""
    try:
        generator = GeometryGenerator(open_identity("mira"), (320, 320))
    except ModelError as error:
        pytest.skip(f"no models and no network to pull them: {error}")
    folder = tmp_path_factory.mktemp("clips")
    with MovieWriter(folder / "mira.mp4", (320, 320), 30, sound=False) as movie:
        for index in range(48):
            time_s = index / 30
            jaw = 0.3 - 0.3 * math.cos(9 * time_s)
            blink = 1.0 if 35 <= index < 39 else 0.0
            motion = move(time_s, yaw=12 * time_s, jawOpen=jaw, eyeBlinkLeft=blink, eyeBlinkRight=blink)
            movie.picture(generator.render(motion), time_s)
    return folder


@pytest.mark.slow
def test_a_run_measures_the_geometry_tier_beside_the_plain_warp(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Short stretches: this is about the run, not about its figures.
    monkeypatch.setattr(clip_track, "STRETCH", 12)
    monkeypatch.setattr(reenactment, "LEAD_IN", 2)
    monkeypatch.setattr(
        "sys.argv",
        [
            *("quality", "--clips", str(clips), "--tier", "geometry", "--targets", "4", "--no-identity"),
            *("--json", str(tmp_path / "quality.json"), "--sheet", str(tmp_path / "quality.png")),
        ],
    )
    quality.main()
    figures = json.loads((tmp_path / "quality.json").read_text())
    assert figures["clips"] == 1
    assert figures["eye_l1_ratio"] == 1 and abs(figures["face_psnr_gain_db"]) < 3, "they differ in the mouth alone"
    assert figures["mouth_l1_ratio"] == figures["mouth_l1_ratio_4refs"] != 1
    assert figures["mouth_l1_ratio"] == pytest.approx(figures["mouth_l1"] / figures["mouth_l1_geometry"], rel=0.01)
    assert figures["face_psnr_db"] > 22 and figures["ssim"] > 0.8, "the face lies where the real one lies"
    assert 0.1 < figures["flicker_still"] < 10, "a stretch was found and drawn"
    assert math.isnan(figures["identity"]) and math.isnan(figures["identity_cross"])
    sheet = cv2.imread(str(tmp_path / "quality.png"))
    assert sheet is not None and sheet.shape[1] == PER_BAND * CELL
    assert "mira" in capsys.readouterr().out


def test_a_tier_that_cannot_run_here_is_named_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["quality", "--tier", "no-such-tier"])
    with pytest.raises(SystemExit, match="no-such-tier"):
        quality.main()


def test_a_folder_without_clips_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["quality", "--clips", str(tmp_path), "--tier", "geometry", "--no-identity"])
    with pytest.raises(SystemExit, match="no clips in"):
        quality.main()


def test_a_clip_without_a_face_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clips: Path
) -> None:
    with MovieWriter(tmp_path / "wall.mp4", (160, 160), 30, sound=False) as movie:
        for index in range(20):
            movie.picture(np.full((160, 160, 3), 120, np.uint8), index / 30)
    monkeypatch.setattr("sys.argv", ["quality", "--clips", str(tmp_path), "--tier", "geometry", "--no-identity"])
    with pytest.raises(SystemExit, match="No clip could be measured"):
        quality.main()
    assert "left out: wall.mp4" in capsys.readouterr().out
