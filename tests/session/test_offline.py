"""Rendering offline: the avatar does what the clip's face does, picture by picture, with sound in step."""

from __future__ import annotations

import wave
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import save_file

from avatar.config import PictureSettings
from avatar.errors import MediaError
from avatar.face.pose import rotation_vector
from avatar.generator.identity import Identity
from avatar.media.audio import SOUND_RATE, audio_blocks, audio_seconds
from avatar.media.movie_writer import MovieWriter
from avatar.media.video import clip_frames, probe_clip
from avatar.motion.cue_list import parse_cue_list
from avatar.motion.speech_network import CLASSES, MOUTH, shapes
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.motion.voice_network import load_voice_network
from avatar.session.animation import animate
from avatar.session.offline import RenderReport, render_file
from avatar.types import BLENDSHAPE_INDEX, U8

pytestmark = pytest.mark.slow

SMALL = PictureSettings(256, 256)
QUICK = PictureSettings(128, 128, tier="geometry")
Look = Callable[[U8], dict[str, float]]


def click_at(path: Path) -> float:
    """Return when the click in a movie's sound is heard, seconds."""
    sound = np.concatenate(list(audio_blocks(path, begin_s=probe_clip(path).begin_s)), axis=1)
    return float(np.abs(sound).max(axis=0).argmax()) / SOUND_RATE


def write_beep(path: Path, seconds: float, at_s: float) -> Path:
    samples = np.zeros(round(seconds * 16_000), "<i2")
    samples[round(at_s * 16_000) :][:160] = 20_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="module")
def rendered(
    astronaut: Identity, driver_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RenderReport, list[tuple[int, int | None]]]:
    out = tmp_path_factory.mktemp("rendered") / "out.mp4"
    steps: list[tuple[int, int | None]] = []
    report = render_file(
        astronaut, driver_clip, None, out, picture=SMALL, progress=lambda done, total: steps.append((done, total))
    )
    return out, report, steps


def test_there_is_one_picture_for_each_of_the_drivers(rendered: tuple[Path, RenderReport, object]) -> None:
    out, report, _ = rendered
    frames = list(clip_frames(out))
    assert len(frames) == report.pictures == 60
    assert all(rgb.shape == (256, 256, 3) for _, rgb in frames)
    assert [time_s for time_s, _ in frames] == pytest.approx(np.arange(60) / 30, abs=2e-3)
    assert report.seconds == pytest.approx(2, abs=0.01) and report.tracked_share == 1.0
    assert list(out.parent.iterdir()) == [out], "and no other file"


def test_progress_is_told_picture_by_picture(
    rendered: tuple[Path, RenderReport, list[tuple[int, int | None]]],
) -> None:
    assert rendered[2] == [(number, 60) for number in range(1, 61)]


def test_the_avatar_does_what_the_driver_does_when_they_do_it(
    rendered: tuple[Path, RenderReport, object], look: Look
) -> None:
    frames = [rgb for _, rgb in clip_frames(rendered[0])]
    rest, turned, talking = look(frames[5]), look(frames[36]), look(frames[56])
    assert turned["yaw"] - rest["yaw"] == pytest.approx(14, abs=6), "to the same side"
    assert abs(turned["roll"] - rest["roll"]) < 4
    assert talking["lips"] - turned["lips"] > 0.06
    assert look(frames[14])["yaw"] == pytest.approx(rest["yaw"], abs=2.5), "not before"


def test_a_driver_far_off_in_a_wide_picture_is_done_as_one_nearby(
    astronaut: Identity, driver_clip: Path, tmp_path: Path
) -> None:
    """The same clip, a ninth of a full-HD picture: its face is 90 px wide."""
    wide, wall = tmp_path / "wide.mp4", np.full((1080, 1920, 3), 110, np.uint8)
    with MovieWriter(wide, (1920, 1080), 30, sound=False) as movie:
        for time_s, rgb in clip_frames(driver_clip, until_s=1.3):
            picture = wall.copy()
            picture[600:960, 1300:1780] = rgb
            movie.picture(picture, time_s)
    near, far = (list(islice(animate(astronaut, clip, QUICK, fps=30), 39)) for clip in (driver_clip, wide))
    assert all(frame.face is not None and not frame.face.held for frame in far[5:])
    turns = [
        [float(rotation_vector(frame.face.pose.rotation)[1]) for frame in frames[5:] if frame.face is not None]
        for frames in (near, far)
    ]
    assert np.abs(np.degrees(np.subtract(*turns))).max() < 3


def test_the_drivers_sound_is_kept_in_step(rendered: tuple[Path, RenderReport, object]) -> None:
    assert click_at(rendered[0]) == pytest.approx(1.0, abs=0.03)
    assert audio_seconds(rendered[0]) == pytest.approx(2, abs=0.05)


def test_other_sound_replaces_it_and_life_goes_on_until_it_ends(
    astronaut: Identity, driver_clip: Path, tmp_path: Path
) -> None:
    sound = write_beep(tmp_path / "voice.wav", 2.5, 0.4)
    report = render_file(astronaut, driver_clip, sound, tmp_path / "out.mp4", picture=QUICK)
    assert report.pictures == 75 and report.tracked_share == 1.0
    assert click_at(tmp_path / "out.mp4") == pytest.approx(0.4, abs=0.03)
    assert len(list(clip_frames(tmp_path / "out.mp4"))) == 75


def test_sound_alone_gives_an_avatar_that_lives(astronaut: Identity, tmp_path: Path) -> None:
    sound = write_beep(tmp_path / "voice.wav", 0.5, 0.2)
    report = render_file(astronaut, None, sound, tmp_path / "out.mp4", picture=SMALL)
    assert report.pictures == 15 and report.tracked_share == 0
    frames = [rgb for _, rgb in clip_frames(tmp_path / "out.mp4")]
    assert (frames[0] != frames[-1]).any()


def test_weights_of_ones_own_move_the_mouth(astronaut: Identity, look: Look, tmp_path: Path) -> None:
    """These open the jaw whatever they hear."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes(8).items()}
    weights["mouth.bias"][MOUTH.index(BLENDSHAPE_INDEX["jawOpen"])] = 0.6
    weights["closed.bias"][:] = -9
    weights["kind.bias"][CLASSES.index("open")] = 9
    path = tmp_path / "mine.safetensors"
    save_file(weights, path)
    sound = write_beep(tmp_path / "voice.wav", 0.6, 0.2)
    lips = []
    for network in (None, load_voice_network(path)):
        render_file(astronaut, None, sound, tmp_path / "out.mp4", picture=SMALL, voice_network=network)
        lips.append(look([rgb for _, rgb in clip_frames(tmp_path / "out.mp4")][12])["lips"])
    assert lips[1] - lips[0] > 0.1


def test_the_same_rendering_twice_is_the_same_file(
    astronaut: Identity, driver_clip: Path, rendered: tuple[Path, RenderReport, object], tmp_path: Path
) -> None:
    render_file(astronaut, driver_clip, None, tmp_path / "again.mp4", picture=SMALL)
    assert (tmp_path / "again.mp4").read_bytes() == rendered[0].read_bytes()


def test_a_driver_at_rest_shows_the_photo(astronaut: Identity, driver_clip: Path) -> None:
    first = next(animate(astronaut, driver_clip, PictureSettings(512, 512), fps=30))
    face = np.s_[150:330, 170:340]
    assert np.abs(first.rgb.astype(int) - astronaut.preview(512))[face].mean() < 6


def test_a_driver_without_a_face_is_refused_and_nothing_is_left(astronaut: Identity, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    with MovieWriter(empty, (128, 128), 30, sound=False) as movie:
        for index in range(6):
            movie.picture(np.full((128, 128, 3), 90, np.uint8), index / 30)
    with pytest.raises(MediaError, match="No face"):
        render_file(astronaut, empty, None, tmp_path / "out.mp4", picture=SMALL)
    assert list(tmp_path.iterdir()) == [empty]


def test_files_that_cannot_be_used_are_refused_in_words(astronaut: Identity, driver_clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no clip at all\n" * 50)
    silent = tmp_path / "silent.mp4"
    with MovieWriter(silent, (128, 128), 30, sound=False) as movie:
        movie.picture(np.zeros((128, 128, 3), np.uint8), 0)
    before = sorted(tmp_path.iterdir())
    for driver, audio, out, words in (
        (text, None, tmp_path / "out.mp4", "Cannot open"),
        (tmp_path / "none.mp4", None, tmp_path / "out.mp4", "Cannot open"),
        (driver_clip, text, tmp_path / "out.mp4", "Cannot open"),
        (driver_clip, silent, tmp_path / "out.mp4", "no sound"),
        (driver_clip, None, tmp_path / "none" / "out.mp4", "Cannot write"),
    ):
        with pytest.raises(MediaError, match=words):
            render_file(astronaut, driver, audio, out, picture=SMALL)
    assert sorted(tmp_path.iterdir()) == before


def test_a_rendering_that_is_broken_off_leaves_no_half_file(
    astronaut: Identity, driver_clip: Path, tmp_path: Path
) -> None:
    def stop(done: int, _: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_file(astronaut, driver_clip, None, tmp_path / "out.mp4", picture=SMALL, progress=stop)
    assert not list(tmp_path.iterdir())


def test_a_driver_that_leaves_for_a_while_is_awaited(astronaut: Identity, driver_clip: Path, tmp_path: Path) -> None:
    """Idle life fills the time, the report says how much was seen."""
    gone = tmp_path / "gone.mp4"
    with MovieWriter(gone, (480, 360), 30, sound=False) as movie:
        for index, (time_s, rgb) in enumerate(clip_frames(driver_clip)):
            movie.picture(rgb if index < 30 else np.zeros_like(rgb), time_s)
    report = render_file(astronaut, gone, None, tmp_path / "out.mp4", picture=QUICK)
    assert report.pictures == 60 and report.tracked_share == pytest.approx(0.5, abs=0.05)


def test_a_damaged_driver_is_followed_where_it_can_be_and_the_report_says_so(
    astronaut: Identity, driver_clip: Path, media_files: ModuleType, tmp_path: Path
) -> None:
    path = media_files.hurt(driver_clip, tmp_path / "10:20:30.mp4", "video", [30])
    report = render_file(astronaut, path, None, tmp_path / "out.mp4", picture=QUICK)
    assert report.pictures == 60 and report.tracked_share == 1.0
    assert audio_seconds(tmp_path / "out.mp4") == pytest.approx(2, abs=0.05)
    (warning,) = report.warnings
    assert str(path) in warning and "0.03 s of the pictures" in warning


def test_damaged_sound_is_spoken_around(astronaut: Identity, media_files: ModuleType, tmp_path: Path) -> None:
    whole = media_files.write_media(tmp_path / "voice.mp3", audio="libmp3lame", layout="mono")
    joined = tmp_path / "twice.mp3"
    joined.write_bytes(2 * media_files.hurt(whole, tmp_path / "hurt.mp3", "audio", [30]).read_bytes())
    report = render_file(astronaut, None, joined, tmp_path / "out.mp4", picture=QUICK)
    assert report.seconds == pytest.approx(4, abs=0.15)
    assert "s of the sound" in report.warnings[0]
    sound = np.concatenate(list(audio_blocks(tmp_path / "out.mp4")), axis=1)
    levels = np.sqrt(np.mean(np.square(sound[0, :96_000].reshape(-1, 960)), axis=1))
    assert np.median(levels) == pytest.approx(0.25 / np.sqrt(2), rel=0.08), "as loud as one channel was"


def test_lips_go_on_while_a_driver_stands_still(astronaut: Identity, driver_clip: Path, tmp_path: Path) -> None:
    """A recorder that stores a picture only when something moves: the voice speaks meanwhile."""
    uneven = tmp_path / "uneven.mp4"
    with MovieWriter(uneven, (480, 360), 30, sound=False) as movie:
        for index, (time_s, rgb) in enumerate(clip_frames(driver_clip)):
            if not 10 <= index < 50:
                movie.picture(rgb, time_s)
    moments: list[float] = []

    def voice(time_s: float, *, listening: bool, sees_mouth: float) -> VoiceMotion:
        moments.append(time_s)
        return resting_voice(time_s)

    frames = list(animate(astronaut, uneven, QUICK, fps=probe_clip(uneven).fps, voice=voice))
    assert moments == pytest.approx(np.arange(60) / 30)
    assert [frame.driven for frame in frames] == [not 10 <= index < 50 for index in range(60)]
    report = render_file(astronaut, uneven, None, tmp_path / "out.mp4", picture=QUICK)
    assert report.pictures == 60 and report.tracked_share == 1.0
    assert [time_s for time_s, _ in clip_frames(tmp_path / "out.mp4")] == pytest.approx(np.arange(60) / 30, abs=2e-3)


def test_a_driver_that_ends_before_its_sound_leaves_nobody_speechless(
    astronaut: Identity, driver_clip: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.mp4"
    with MovieWriter(short, (480, 360), 30, sound=True) as movie:
        for index, (time_s, rgb) in enumerate(clip_frames(driver_clip)):
            if index < 20:
                movie.picture(rgb, time_s)
        for block in range(50):
            movie.sound(np.full((2, 960), 0.1, np.float32), block * 960)
    report = render_file(astronaut, short, None, tmp_path / "out.mp4", picture=QUICK)
    assert report.seconds == pytest.approx(1, abs=0.04)


def test_a_cue_opens_the_mouth_as_told_from_its_moment_on_and_neutral_ends_it(astronaut: Identity, look: Look) -> None:
    cues = parse_cue_list("0.5 look very surprised\n2 neutral", "cues.txt")
    size = PictureSettings(256, 256, tier="geometry")
    plain, shown = (
        [frame.rgb for frame in animate(astronaut, None, size, fps=10, at_least_s=3.5, cues=told)]
        for told in ((), cues)
    )
    same = [bool(np.array_equal(a, b)) for a, b in zip(plain, shown, strict=True)]
    assert all(same[:5]) and not any(same[6:25])
    surprised, ended = (look(shown[index])["lips"] - look(plain[index])["lips"] for index in (19, 34))
    assert surprised > 0.03 and abs(ended) < 0.01  # of the distance between the eyes


def test_cues_after_the_end_are_told_of(astronaut: Identity, tmp_path: Path) -> None:
    sound = write_beep(tmp_path / "beep.wav", 0.4, 0.2)
    cues = parse_cue_list("0.1 nod\n0.5 smile\n9 wink", "cues.txt")
    report = render_file(astronaut, None, sound, tmp_path / "out.mp4", picture=QUICK, cues=cues)
    assert report.warnings == ("Not shown, as the end comes before at 0.4 s: the cue 'smile' at 0.5 s and 1 more.",)
