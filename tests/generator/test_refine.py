"""A clip gives an avatar further portraits, spread over expression; a clip that cannot is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from avatar.errors import EnrolError, MediaError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.identity_file import identity_from_bytes, identity_to_bytes
from avatar.generator.portrait_sheet import portrait_sheet
from avatar.generator.reference_choice import MeasuredFrame, calmest, choose_references, fit_frames
from avatar.generator.refine import MOST_FRAMES, as_frames, refine
from avatar.media.movie_writer import MovieWriter
from avatar.media.video import spread_frames
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, U8, Motion

FPS = 10.0


def frame(*, yaw: float = 0.0, face_px: float = 200, border: float = 0.5, sharp: float = 100, **values: float):
    blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
    for name, value in values.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    return MeasuredFrame(blendshapes, 0.0, yaw, face_px, border, sharp)


def write_clip(path: Path, pictures: Iterable[U8], fps: float = FPS) -> Path:
    pictures = list(pictures)
    with MovieWriter(path, (pictures[0].shape[1], pictures[0].shape[0]), fps, sound=False) as movie:
        for number, picture in enumerate(pictures):
            movie.picture(picture, number / fps)
    return path


@pytest.fixture(scope="module")
def acted(astronaut: Identity, move: Callable[..., Motion]) -> list[U8]:
    """The astronaut at rest, with the mouth open, with closed eyes, and turned."""
    generator = GeometryGenerator(astronaut, (384, 384))
    scenes: list[dict[str, float]] = [
        {},
        {"jawOpen": 0.7},
        {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
        {"yaw": 15.0},
    ]
    return [generator.render(move(**scene)) for scene in scenes for _ in range(5)]


@pytest.fixture(scope="module")
def clip(acted: list[U8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "acted.mp4", acted)


def test_frames_that_cannot_serve_are_left_out_with_the_reason() -> None:
    frames = [frame(), frame(yaw=40), frame(face_px=50), frame(border=-0.1), frame(sharp=10)]
    fit, left_out = fit_frames(frames)
    assert fit == [0]
    assert (left_out.turned, left_out.small, left_out.at_border, left_out.blurred) == (1, 1, 1, 1)


def test_each_reference_shows_something_new_and_says_what() -> None:
    frames = [
        frame(),
        frame(jawOpen=0.6),
        frame(jawOpen=0.58),
        frame(mouthSmileLeft=0.8, mouthSmileRight=0.8),
        frame(eyeBlinkLeft=0.9, eyeBlinkRight=0.9),
        frame(browInnerUp=0.1),
    ]
    chosen = choose_references(frames, range(len(frames)), [frame()], 7)
    assert {choice.index for choice in chosen} == {1, 3, 4}, "near doubles and trifles are not taken"
    assert {choice.index: choice.adds for choice in chosen} == {1: "mouth open", 3: "smile", 4: "eyes closed"}


def test_no_more_references_than_asked_for_and_the_most_telling_first() -> None:
    frames = [frame(jawOpen=value) for value in (0.0, 0.3, 0.9)]
    assert [choice.index for choice in choose_references(frames, [0, 1, 2], [frame()], 1)] == [2]
    assert choose_references(frames, [], [frame()], 3) == []


def test_the_rest_portrait_is_calm_frontal_and_sharp() -> None:
    frames = [frame(jawOpen=0.5), frame(yaw=15), frame(sharp=60), frame(sharp=100), frame(eyeBlinkLeft=0.8)]
    assert calmest(frames, range(len(frames))) == 3


@pytest.mark.slow
def test_a_clip_adds_the_open_mouth_and_the_closed_eyes_to_a_photo(astronaut: Identity, clip: Path) -> None:
    refined, report = refine(astronaut, clip)
    added = refined.portraits[1:]
    assert refined.rest is astronaut.rest and 2 <= len(added) <= 7
    jaw, blink = BLENDSHAPE_INDEX["jawOpen"], BLENDSHAPE_INDEX["eyeBlinkLeft"]
    assert max(portrait.blendshapes[jaw] for portrait in added) > astronaut.rest.blendshapes[jaw] + 0.2
    assert max(portrait.blendshapes[blink] for portrait in added) > astronaut.rest.blendshapes[blink] + 0.2
    assert report.rest_s is None and len(report.times_s) == len(report.chosen) == len(added)
    assert len(identity_from_bytes(identity_to_bytes(refined)).portraits) == len(refined.portraits)
    sheet = portrait_sheet(refined, ["rest", *(choice.adds for choice in report.chosen)])
    assert sheet.ndim == 3 and sheet.shape[1] >= 512


@pytest.mark.slow
def test_a_clip_alone_makes_an_avatar_that_rests_with_open_eyes_and_closed_mouth(clip: Path) -> None:
    identity, report = refine(None, clip, name="Ada")
    assert identity.name == "Ada" and report.rest_s is not None
    assert identity.rest.blendshapes[BLENDSHAPE_INDEX["jawOpen"]] < 0.2
    assert identity.rest.blendshapes[BLENDSHAPE_INDEX["eyeBlinkLeft"]] < 0.4
    assert len(identity.portraits) >= 3 and identity.matte.shape == identity.rest.rgb.shape[:2]


@pytest.mark.slow
def test_progress_is_told_frame_by_frame(astronaut: Identity, clip: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    refine(astronaut, clip, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(1, 21))


def test_a_clip_without_a_face_is_refused(tmp_path: Path) -> None:
    wall = write_clip(tmp_path / "wall.mp4", [np.full((256, 256, 3), 90, np.uint8)] * 12)
    with pytest.raises(EnrolError, match="No face was seen") as caught:
        refine(None, wall)
    assert caught.value.code == "no_face"


@pytest.mark.slow
def test_a_clip_in_which_the_face_is_a_small_share_of_the_picture_will_do(acted: list[U8], tmp_path: Path) -> None:
    wall = np.full((1080, 1920, 3), 110, np.uint8)
    pictures = [wall.copy() for _ in acted]
    for picture, face in zip(pictures, acted, strict=True):
        picture[500:884, 1400:1784] = face
    far, report = refine(None, write_clip(tmp_path / "far.mp4", pictures))
    assert report.frames == len(acted) and sum(astuple(report.left_out)) <= 5, "those that are turned"
    assert len(far.portraits) >= 3


def test_a_photo_and_the_same_picture_in_a_clip_measure_alike(astronaut: Identity, tmp_path: Path) -> None:
    """Enrolment looks at a photo as the tracker does, and a clip's frames are looked at one by one."""
    with FaceLandmarker(get_model("face_landmarker"), video=False) as landmarker:
        (in_clip,) = landmarker.detect(astronaut.rest.rgb, 0.0)
    (as_frame,) = as_frames(astronaut.portraits)
    assert np.array_equal(as_frame.blendshapes, in_clip.blendshapes) and as_frame.rgb is astronaut.rest.rgb
    assert np.abs(astronaut.rest.blendshapes - in_clip.blendshapes).max() > 0.04, (
        "or the two looks need not be told apart"
    )
    _, report = refine(astronaut, write_clip(tmp_path / "still.mp4", [astronaut.rest.rgb[:398, :498]] * 12))
    assert report.chosen == (), "the photo again shows nothing new"


@pytest.mark.slow
def test_a_clip_of_two_people_is_refused(acted: list[U8], tmp_path: Path) -> None:
    pair = write_clip(tmp_path / "pair.mp4", [np.concatenate([picture, picture[:, ::-1]], axis=1) for picture in acted])
    with pytest.raises(EnrolError, match="two or more people") as caught:
        refine(None, pair)
    assert caught.value.code == "several_faces"


@pytest.mark.slow
def test_another_persons_face_is_refused_and_a_doubtful_one_warned_of(astronaut: Identity, clip: Path) -> None:
    """Faces stretched beyond what one person's can be."""
    points = astronaut.rest.landmarks_px.copy()
    middle = points[:, :2].mean(axis=0)

    def stretched(by: float) -> Identity:
        other = points.copy()
        other[:, 1] = middle[1] + (points[:, 1] - middle[1]) * by
        return replace(astronaut, portraits=(replace(astronaut.rest, landmarks_px=other),))

    with pytest.raises(EnrolError, match="another person") as caught:
        refine(stretched(1.35), clip)
    assert caught.value.code == "other_person"
    assert not any("same person" in warning for warning in refine(astronaut, clip)[1].warnings)


def test_three_frames_are_too_few(acted: list[U8], tmp_path: Path) -> None:
    with pytest.raises(EnrolError, match="only 3 frames") as caught:
        refine(None, write_clip(tmp_path / "short.mp4", acted[:3]))
    assert caught.value.code == "clip_too_short"


@pytest.mark.slow
def test_a_long_clip_is_looked_into_at_places_all_over_and_no_longer_than_a_short_one(tmp_path: Path) -> None:
    pictures = [np.full((64, 64, 3), number % 250, np.uint8) for number in range(3000)]
    long = write_clip(tmp_path / "long.mp4", pictures)  # five minutes
    times = [time_s for time_s, _ in spread_frames(long, longest_s=20, most=MOST_FRAMES)]
    assert len(times) <= 230 and times == sorted(set(times))
    assert times[0] < 1 and times[-1] > 240
    assert max(np.diff(times)) < 60, "no large part of it is passed over"
    assert times == [time_s for time_s, _ in spread_frames(long, longest_s=20, most=MOST_FRAMES)]


def test_what_is_no_video_or_a_damaged_one_is_said(clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(MediaError, match="no clip"):
        refine(None, text)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(MediaError):
        refine(None, cut)
    with pytest.raises(MediaError):
        refine(None, tmp_path / "none.mp4")


def test_an_odd_narrow_frame_holds_no_face(tmp_path: Path) -> None:
    strip = write_clip(tmp_path / "strip.mp4", [np.full((64, 1000, 3), 90, np.uint8)] * 12)
    with pytest.raises(EnrolError, match="No face"):
        refine(None, strip)


@pytest.mark.slow
def test_a_damaged_clip_gives_what_its_whole_frames_show_and_says_so(
    clip: Path, media_files: ModuleType, tmp_path: Path
) -> None:
    path = media_files.hurt(clip, tmp_path / "a:b.mp4", "video", [18])
    _, report = refine(None, path)
    assert report.frames == 19 and report.chosen
    assert "0.10 s of the pictures" in report.warnings[0]
