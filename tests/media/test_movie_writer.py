"""Clips and sound in, movies out: sizes, times and sound in step, and files that are whole or not there."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar.errors import MediaError
from avatar.media.audio import SOUND_RATE, audio_blocks, audio_seconds
from avatar.media.movie_writer import MovieWriter
from avatar.media.video import clip_frames, probe_clip

RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (128, 96)) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def write_sound(path: Path, samples: np.ndarray, rate: int = SOUND_RATE) -> Path:
    """Write (channels, n) float samples as WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.T * 32767).astype("<i2").tobytes())
    return path


def clicks(path: Path, begin_s: float | None = None) -> list[float]:
    """Return the times of the clicks in a file's sound, seconds."""
    sound = np.concatenate([*audio_blocks(path, begin_s=begin_s), np.zeros((2, 1), np.float32)], axis=1)
    loud = np.nonzero(np.abs(sound).max(axis=0) > 0.25)[0] / SOUND_RATE
    return [float(time) for index, time in enumerate(loud) if index == 0 or time - loud[index - 1] > 0.05]


def recording(
    path: Path, *, picture_from_s: float, sound_from_s: float, pause: tuple[float, float] | None = None
) -> Path:
    """Write a file as a browser records it: WebM whose streams need not start together and whose sound may pause.

    A blue picture and a click mark the moment 1 s of the file's clock.
    """
    container: Any = av.open(str(path), "w")
    video = container.add_stream("libvpx", rate=25)
    video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
    video.codec_context.time_base = Fraction(1, 1000)
    sound = container.add_stream("libopus", rate=SOUND_RATE)
    sound.layout = "mono"
    for step in range(100):
        now_s = step / 50
        if step % 2 == 0 and now_s >= picture_from_s:
            frame = av.VideoFrame.from_ndarray(picture(BLUE if now_s == 1 else RED), format="rgb24")
            frame.pts, frame.time_base = round(now_s * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        if now_s >= sound_from_s and not (pause and pause[0] <= now_s < pause[1]):
            block = np.zeros((1, 960), np.float32)
            block[0, :96] = 0.9 * np.sin(np.arange(96)) if step == 50 else 0
            audio = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
            audio.sample_rate, audio.pts, audio.time_base = SOUND_RATE, step * 960, Fraction(1, SOUND_RATE)
            container.mux(sound.encode(audio))
    for stream in (video, sound):
        container.mux(stream.encode(None))
    container.close()
    return path


def test_a_movie_comes_back_with_its_pictures_times_and_sound(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    sound = np.zeros((2, 2 * SOUND_RATE), np.float32)
    for at in (SOUND_RATE // 2, SOUND_RATE, 3 * SOUND_RATE // 2):
        sound[:, at : at + 48] = 0.9
    with MovieWriter(path, (128, 96), 25, sound=True) as movie:
        for index in range(50):
            movie.picture(picture(BLUE if index == 25 else RED), index / 25)
            movie.sound(sound[:, index * 1920 : (index + 1) * 1920], index * 1920)
    info = probe_clip(path)
    assert (info.fps, info.frames, info.has_sound, info.begin_s) == (25, 50, True, 0)
    frames = list(clip_frames(path))
    assert [time_s for time_s, _ in frames] == pytest.approx(np.arange(50) / 25, abs=1e-3)
    assert all(rgb.shape == (96, 128, 3) for _, rgb in frames)
    assert [index for index, (_, rgb) in enumerate(frames) if rgb[..., 2].mean() > 120] == [25]
    assert np.abs(frames[0][1].astype(int) - RED).max() < 12
    assert clicks(path) == pytest.approx([0.5, 1.0, 1.5], abs=0.002)
    assert audio_seconds(path) == pytest.approx(2, abs=0.03)


def test_uneven_picture_times_are_kept(tmp_path: Path) -> None:
    times = [0.0, 0.033, 0.1, 0.35, 0.36, 1.0]
    with MovieWriter(tmp_path / "movie.mp4", (128, 96), 30, sound=False) as movie:
        for time_s in times:
            movie.picture(picture(RED), time_s)
    assert [time_s for time_s, _ in clip_frames(tmp_path / "movie.mp4")] == pytest.approx(times, abs=1e-3)


def test_reading_stops_where_asked(tmp_path: Path) -> None:
    with MovieWriter(tmp_path / "movie.mp4", (128, 96), 10, sound=False) as movie:
        for index in range(20):
            movie.picture(picture(RED), index / 10)
    assert len(list(clip_frames(tmp_path / "movie.mp4", until_s=0.5))) == 5


@pytest.mark.slow
@pytest.mark.parametrize("starts", [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4)])
def test_a_recording_whose_sound_and_picture_start_apart_stays_in_step(
    tmp_path: Path, starts: tuple[float, float]
) -> None:
    path = recording(tmp_path / "clip.webm", picture_from_s=starts[0], sound_from_s=starts[1])
    blue = next(time_s for time_s, rgb in clip_frames(path) if rgb[..., 2].mean() > 120)
    (click,) = clicks(path, begin_s=probe_clip(path).begin_s)
    assert click == pytest.approx(blue, abs=0.03)


@pytest.mark.slow
def test_a_pause_in_the_sound_stays_a_pause(tmp_path: Path) -> None:
    path = recording(tmp_path / "clip.webm", picture_from_s=0, sound_from_s=0, pause=(0.3, 0.7))
    assert clicks(path, begin_s=0.0) == pytest.approx([1.0], abs=0.03)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (48_000, 1), (96_000, 2)])
def test_sound_of_any_rate_comes_as_48_khz_stereo(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.zeros((channels, rate), np.float32)
    samples[:, rate // 2 : rate // 2 + rate // 200] = 0.8
    path = write_sound(tmp_path / "sound.wav", samples, rate)
    assert all(block.shape[0] == 2 and block.dtype == np.float32 for block in audio_blocks(path))
    assert audio_seconds(path) == pytest.approx(1, abs=0.01)
    assert clicks(path) == pytest.approx([0.5], abs=0.003)


def test_a_clip_filmed_upright_is_read_upright(tmp_path: Path) -> None:
    """A phone writes its pictures lying on their side and says how to turn them."""
    path, turned = tmp_path / "clip.mp4", tmp_path / "turned.mp4"
    halves = picture(RED)
    halves[:, 64:] = BLUE
    with MovieWriter(path, (128, 96), 30, sound=False) as movie:
        for index in range(3):
            movie.picture(halves, index / 30)
    data = path.read_bytes()
    straight = b"".join(value.to_bytes(4, "big", signed=True) for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    quarter = b"".join(value.to_bytes(4, "big", signed=True) for value in (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    at = data.index(straight, data.index(b"tkhd"))
    turned.write_bytes(data[:at] + quarter + data[at + 36 :])
    _, rgb = next(clip_frames(turned))
    assert rgb.shape == (128, 96, 3), "higher than wide"
    assert rgb[:50, ..., 0].mean() > 150 and rgb[-50:, ..., 2].mean() > 150, "what was left is on top"


def test_what_is_no_clip_is_refused_in_words(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("not a clip " * 100)
    empty.write_bytes(b"")
    notes, playlist = tmp_path / "notes.txt", tmp_path / "list.m3u8"
    notes.write_text("FFmpeg would draw this as a film.\n" * 50)
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    for path in (text, notes, playlist, empty, tmp_path / "none.mp4", tmp_path):
        for attempt in (probe_clip, lambda path: list(clip_frames(path)), lambda path: list(audio_blocks(path))):
            with pytest.raises(MediaError, match="Cannot open"):
                attempt(path)


def test_a_sound_file_is_no_clip_and_a_silent_clip_has_no_sound(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "sound.wav", np.zeros((1, 4800), np.float32))
    with pytest.raises(MediaError, match="no picture"):
        probe_clip(sound)
    with MovieWriter(tmp_path / "movie.mp4", (128, 96), 30, sound=False) as movie:
        movie.picture(picture(RED), 0)
    assert audio_seconds(tmp_path / "movie.mp4") == 0 and not probe_clip(tmp_path / "movie.mp4").has_sound


def test_a_clip_that_breaks_off_gives_what_there_is_or_says_so(tmp_path: Path) -> None:
    whole = recording(tmp_path / "clip.webm", picture_from_s=0, sound_from_s=0).read_bytes()
    draw = np.random.default_rng(1)
    for number in range(12):
        path = tmp_path / f"{number}.webm"
        if number % 2:
            damaged = bytearray(whole)
            for at in draw.integers(0, len(whole), 40):
                damaged[at] = int(draw.integers(256))
            path.write_bytes(damaged)
        else:
            path.write_bytes(whole[: len(whole) * (number + 1) // 13])
        for read in (clip_frames, audio_blocks):
            try:
                assert all(part is not None for part in read(path))  # type: ignore[operator]
            except MediaError as error:
                assert str(path) in str(error)


def test_a_movie_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), MovieWriter(path, (128, 96), 30, sound=True) as movie:
        for index in range(10):
            movie.picture(picture(RED), index / 30)
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    with MovieWriter(path, (128, 96), 30, sound=False) as movie:
        movie.picture(picture(RED), 0)
    assert len(list(clip_frames(path))) == 1 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["2026-01-02T10:20:30.mp4", "-x.mp4", "http:a?b.mp4", "%03d.mp4", 60 * "你好" + ".mp4"]
)
def test_a_movie_may_have_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        Path(name).touch()
    except OSError:
        name = name[-80:]  # as long as the file system takes
    with MovieWriter(Path(name), (128, 96), 30, sound=False) as movie:
        movie.picture(picture(RED), 0)
    assert len(list(clip_frames(Path(name)))) == 1 and [path.name for path in tmp_path.iterdir()] == [name]


def test_a_movie_can_be_read_by_whoever_may_read_new_files(tmp_path: Path) -> None:
    with MovieWriter(tmp_path / "movie.mp4", (128, 96), 30, sound=False) as movie:
        movie.picture(picture(RED), 0)
    (tmp_path / "other").touch()
    assert (tmp_path / "movie.mp4").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "movie.mp4", tmp_path / "file" / "movie.mp4"):
        with pytest.raises(MediaError, match="Cannot write"):
            MovieWriter(path, (128, 96), 30, sound=False)


def test_a_disk_that_is_full_at_the_end_leaves_no_half_movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(MediaError, match="No space left"):
        patch.setattr(Path, "replace", full)
        with MovieWriter(tmp_path / "movie.mp4", (128, 96), 30, sound=False) as movie:
            movie.picture(picture(RED), 0)
    assert not list(tmp_path.iterdir())


def test_the_same_pictures_and_sound_give_the_same_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(5)]
    for name in ("a.mp4", "b.mp4"):
        with MovieWriter(tmp_path / name, (128, 96), 30, sound=True) as movie:
            for index, rgb in enumerate(pictures):
                movie.picture(rgb, index / 30)
                movie.sound(np.full((2, 1600), 0.1, np.float32), index * 1600)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
