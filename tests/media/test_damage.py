"""Files as they are found: damaged, cut off, joined, oddly named. What can be read is, in its place and time."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from avatar.errors import MediaError
from avatar.media.audio import SOUND_RATE, audio_blocks, audio_seconds
from avatar.media.files import Damage
from avatar.media.video import clip_frames, probe_clip, spread_frames
from avatar.types import F32

CLIPS = ("clip.mp4", "clip.mov", "clip.mkv", "clip.webm", "clip.avi", "clip.ts")
SOUNDS = ("sound.mp3", "sound.wav", "sound.flac", "sound.ogg", "sound.m4a")
TIMED = ("sound.mp3", "sound.m4a", "clip.mp4", "clip.mov", "clip.avi")
"""Files whose damage a decoder notices; in the others some of it is only a noise."""


@pytest.fixture(scope="module")
def whole(media_files: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind, 2 s long."""
    folder = tmp_path_factory.mktemp("whole")
    for name, (video, audio) in media_files.CLIPS.items():
        media_files.write_media(folder / name, video=video, audio=audio)
    for name, audio in media_files.SOUNDS.items():
        media_files.write_media(folder / name, audio=audio)
    return folder


def sound_of(path: Path, damage: Damage | None = None, begin_s: float | None = None) -> F32:
    return np.concatenate(list(audio_blocks(path, begin_s=begin_s, damage=damage)), axis=1)


def levels(samples: F32) -> F32:
    """Return the loudness of each 20 ms, root mean square."""
    left = samples[0][: samples.shape[1] // 960 * 960].reshape(-1, 960)
    return np.asarray(np.sqrt(np.mean(np.square(left), axis=1)), np.float32)


def assert_pictures_in_their_place(frames: list[tuple[float, np.ndarray]], most_missing: int) -> None:
    """The clip grows brighter from picture to picture: each tells where it belongs."""
    assert len(frames) >= 50 - most_missing
    for time_s, rgb in frames:
        assert float(rgb.mean()) == pytest.approx(40 + 4 * 25 * time_s, abs=7), f"at {time_s} s"


@pytest.mark.parametrize("number", [0, 20, 48])
@pytest.mark.parametrize("name", CLIPS)
def test_a_damaged_picture_costs_what_needs_it(
    name: str, number: int, whole: Path, tmp_path: Path, media_files: ModuleType
) -> None:
    """At most the pictures up to the next key frame, half a second later; the rest stays, and so does the sound."""
    path = media_files.hurt(whole / name, tmp_path / name, "video", [number])
    damage = Damage()
    assert_pictures_in_their_place(list(clip_frames(path, damage=damage)), most_missing=13)
    assert audio_seconds(path) == pytest.approx(2, abs=0.06)
    if name in TIMED:
        assert 0 < damage.pictures_s <= 0.6
        (told,) = damage.warnings(path)
        assert "pictures" in told and str(path) in told
    spread = list(spread_frames(path, longest_s=60, most=1000))
    assert len(spread) >= 50 - 13


@pytest.mark.parametrize("number", [0, 20, -3])
@pytest.mark.parametrize("name", [*CLIPS, *SOUNDS])
def test_damaged_sound_is_a_short_silence_in_its_place(
    name: str, number: int, whole: Path, tmp_path: Path, media_files: ModuleType
) -> None:
    if name in ("sound.ogg", "clip.ts"):
        number = min(number, 0)  # several packets share a page, and its place
    path = media_files.hurt(whole / name, tmp_path / name, "audio", [number])
    damage = Damage()
    sound = sound_of(path, damage, begin_s=0.0)
    if number >= 0 or name in TIMED:  # others do not say what is missing after their last sound
        assert sound.shape[1] / SOUND_RATE == pytest.approx(2, abs=0.1)
    share = 0.4 if name == "sound.ogg" else 0.85  # a page of Ogg is a second long
    assert np.mean(levels(sound) > 0.1) > share, "most of the tone is there"
    if name in TIMED and number == 20:
        assert 0 < damage.sound_s < 0.2
        (told,) = damage.warnings(path)
        assert "sound" in told and str(path) in told
    if name in CLIPS:
        assert_pictures_in_their_place(list(clip_frames(path)), most_missing=0)


@pytest.mark.parametrize("name", [*CLIPS, *SOUNDS])
def test_a_file_that_is_whole_is_said_to_be(name: str, whole: Path) -> None:
    damage = Damage()
    assert audio_seconds(whole / name, damage=damage) == pytest.approx(2, abs=0.06)
    if name in CLIPS:
        assert_pictures_in_their_place(list(clip_frames(whole / name, damage=damage)), most_missing=0)
    assert damage == Damage()


@pytest.mark.parametrize("name", [*CLIPS, *SOUNDS])
def test_a_file_that_was_cut_off_gives_what_is_there(name: str, whole: Path, tmp_path: Path) -> None:
    data, path, damage = (whole / name).read_bytes(), tmp_path / name, Damage()
    path.write_bytes(data[: len(data) * 6 // 10])
    try:
        assert 0.4 < audio_seconds(path, damage=damage) < 1.7
    except MediaError as error:
        assert name in ("clip.mp4", "clip.mov", "sound.m4a"), "these keep their index at the end"
        assert "its index is missing" in str(error) and str(path) in str(error)
    else:
        if name in ("clip.mkv", "clip.webm", "sound.flac"):
            assert "breaks off after" in damage.warnings(path)[-1]
        if name in CLIPS:
            assert list(clip_frames(path))


@pytest.mark.parametrize("name", ["sound.mp3", "sound.flac", "sound.ogg", "clip.ts", "clip.mkv", "clip.webm"])
def test_files_joined_end_to_end_are_read_to_the_end(name: str, whole: Path, tmp_path: Path) -> None:
    data = (whole / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data + data)
    sound = sound_of(path)
    assert sound.shape[1] / SOUND_RATE == pytest.approx(4, abs=0.15)
    assert levels(sound)[-20:-5].min() > 0.1, "the second one's tone"
    if name in CLIPS:
        times = [time_s for time_s, _ in clip_frames(path)]
        assert len(times) == 100 and times[-1] == pytest.approx(3.96, abs=0.1)
        assert max(np.diff(times)) < 0.15


@pytest.mark.parametrize("begin_s", [0.0, 2.0, 700.0])
def test_a_stream_whose_form_changes_is_one_recording(begin_s: float, tmp_path: Path, media_files: ModuleType) -> None:
    """Stereo then one channel at another rate, and a smaller picture: the loudness stays."""
    first, second, path = tmp_path / "1.ts", tmp_path / "2.ts", tmp_path / "joined.ts"
    media_files.write_media(first, video="libx264", audio="aac")
    form = {"layout": "mono", "rate": 44_100, "size": (64, 48), "begin_s": begin_s}
    media_files.write_media(second, video="libx264", audio="aac", **form)
    path.write_bytes(first.read_bytes() + second.read_bytes())
    sound, frames = sound_of(path), list(clip_frames(path))
    assert sound.shape[1] / SOUND_RATE == pytest.approx(4, abs=0.15)
    assert np.median(levels(sound)[:90]) == pytest.approx(np.median(levels(sound)[-90:]), rel=0.03)
    assert {rgb.shape for _, rgb in frames} == {(64, 96, 3), (48, 64, 3)}
    assert frames[-1][0] == pytest.approx(3.96, abs=0.1)


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("name", SOUNDS)
def test_a_file_is_as_loud_as_it_was_recorded(name: str, layout: str, tmp_path: Path, media_files: ModuleType) -> None:
    path = media_files.write_media(tmp_path / name, audio=media_files.SOUNDS[name], layout=layout)
    sound = sound_of(path)
    assert np.median(levels(sound)) == pytest.approx(0.25 / np.sqrt(2), rel=0.06)
    assert np.allclose(sound[0], sound[1], atol=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        *("2026-01-02T10:20:30.mp4", "-x.mp4", "with a space.mp4", "frame%03d.mp4", "100%.mp4", "a?b=c#d.mp4"),
        *("你好 ü.mp4", "pipe:0.mp4", "http:x.mp4", "concat:a|b.mp4", os.fsdecode(b"latin-\xfc.mp4")),
    ],
)
def test_a_name_is_only_a_name(name: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        Path(name).write_bytes((whole / "clip.mp4").read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such name")
    assert probe_clip(Path(name)).fps == 25
    assert len(list(clip_frames(Path(name)))) == 50 and audio_seconds(Path(name)) > 1.9


def test_a_file_with_nothing_left_in_it_is_an_error_in_words(
    whole: Path, tmp_path: Path, media_files: ModuleType
) -> None:
    for kind, read in (("video", clip_frames), ("audio", audio_blocks)):
        count = len(media_files.packet_places(whole / "clip.mp4", kind))
        path = media_files.hurt(whole / "clip.mp4", tmp_path / f"{kind}.mp4", kind, list(range(count)))
        with pytest.raises(MediaError, match="can be read: the file is damaged"):
            list(read(path))  # type: ignore[operator]


def test_pictures_that_are_too_large_are_said_to_be(tmp_path: Path, media_files: ModuleType) -> None:
    path = media_files.write_media(tmp_path / "huge.avi", video="mpeg4", seconds=0.1, size=(4112, 32))
    with pytest.raises(MediaError, match=r"4112 x 32 pixels: at most 4096"):
        list(clip_frames(path))
