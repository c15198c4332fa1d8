"""Clips and sound files in, an MP4 out, through PyAV."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np

from avatar.errors import MediaError
from avatar.pictures import camera_rgb, to_i420
from avatar.types import F32, U8

MAX_FPS: Final = 60.0
VIDEO_CLOCK: Final = Fraction(1, 90_000)
SOUND_RATE: Final = 48_000
CONTAINERS: Final = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "gif", "ogg"),
    *("wav", "w64", "aiff", "caf", "flac", "mp3", "aac", "amr"),
)
"""Kinds of files that are read. FFmpeg knows others that draw text files or fetch what a playlist names."""
SHORTEST_PAUSE_S: Final = 0.02
"""A gap between two sound frames above this is a pause, to be filled; below it is jitter of their times."""
STRETCHES: Final = 30
"""In how many places a long clip is looked into."""
LONGEST_PAUSE_S: Final = 60.0
"""A gap above this is a leap of the file's clock: nothing is filled in."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip says about itself."""

    fps: float
    frames: int | None
    """None when the file does not say."""
    has_sound: bool
    begin_s: float
    """When its first picture is shown, by the file's clock."""


def probe_clip(path: Path) -> ClipInfo:
    """Return a clip's rate and length.

    Raises:
        MediaError: the file cannot be opened or has no picture.
    """
    with _open(path) as container:
        video = _video(container, path)
        fps = float(video.average_rate or video.guessed_rate or 30)
        length_s = float(video.duration * video.time_base) if video.duration and video.time_base else None
        frames = video.frames or (round(length_s * fps) if length_s else None)
        begin_s = float(video.start_time * video.time_base) if video.start_time is not None else 0.0
        return ClipInfo(min(max(fps, 1.0), MAX_FPS), frames, bool(container.streams.audio), begin_s)


def clip_frames(path: Path, *, until_s: float | None = None) -> Iterator[tuple[float, U8]]:
    """Yield (seconds from the first frame, (height, width, 3) RGB), upright as the file's rotation says.

    Raises:
        MediaError: the file cannot be opened, has no picture, or breaks off.
    """
    with _open(path) as container:
        video = _video(container, path)
        begin: float | None = None
        last = -1.0
        try:
            for frame in container.decode(video):
                time_s = frame.time if frame.time is not None else last + 1 / 30
                begin = time_s if begin is None else begin
                now = time_s - begin
                if until_s is not None and now >= until_s:
                    return
                if now > last:
                    last = now
                    yield now, _upright(camera_rgb(frame), int(frame.rotation))
        except av.FFmpegError as error:
            raise MediaError(f"{path} breaks off after {max(last, 0):.1f} s: {error}.") from error


def spread_frames(path: Path, *, longest_s: float, most: int) -> Iterator[tuple[float, U8]]:
    """Yield at most `most` frames spread over a clip, as `clip_frames` does; the same ones each time.

    A clip of up to `longest_s` is read whole. Of a longer one, `longest_s` in all are read: short stretches evenly
    spread, each from the picture that a leap of the file lands on, so that an hour takes no longer than a minute.

    Raises:
        MediaError: the file cannot be opened, has no picture, or is damaged.
    """
    with _open(path) as container:
        video = _video(container, path)
        length_s = container.duration / av.time_base if container.duration else None
        begin_s = (container.start_time or 0) / av.time_base
        known = length_s is not None and length_s > longest_s
        starts = np.linspace(0, length_s, STRETCHES, endpoint=False).tolist() if known and length_s else [None]
        stretch_s = longest_s / len(starts)
        step_s = min(length_s or longest_s, longest_s) / most
        last_s, given = -1.0, 0
        try:
            for start_s in starts:
                if start_s is not None:
                    container.seek(round((begin_s + start_s) * av.time_base))
                first_s: float | None = None
                before_s = last_s
                for frame in container.decode(video):
                    now_s = (frame.time if frame.time is not None else begin_s + last_s + 1 / 30) - begin_s
                    first_s = now_s if first_s is None else first_s
                    if now_s - first_s >= stretch_s or given >= most or first_s < before_s:
                        break
                    if last_s < 0 or now_s - last_s >= 0.99 * step_s:
                        last_s, given = now_s, given + 1
                        yield now_s, _upright(camera_rgb(frame), int(frame.rotation))
        except av.FFmpegError as error:
            raise MediaError(f"{path} is damaged after {max(last_s, 0):.1f} s: {error}.") from error


def sound_blocks(path: Path, *, begin_s: float | None = None) -> Iterator[F32]:
    """Yield a file's sound as (2, n) float samples at 48 kHz, pauses in it filled; nothing when it has none.

    Args:
        path: any file with sound.
        begin_s: the moment of the file's clock that the first sample belongs to, so that sound that starts later than
            the picture, or earlier, stays in step with it; None: wherever the sound starts.

    Raises:
        MediaError: the file cannot be opened or its sound is broken.
    """
    with _open(path) as container:
        if not container.streams.audio:
            return
        try:
            yield from _continuous(container.decode(container.streams.audio[0]), begin_s)
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(f"The sound of {path} is broken: {error}.") from error


def sound_seconds(path: Path, *, begin_s: float | None = None) -> float:
    """Return how long a file's sound lasts, 0 when it has none."""
    samples: int = sum(block.shape[1] for block in sound_blocks(path, begin_s=begin_s))
    return samples / SOUND_RATE


def _continuous(frames: Iterable[av.AudioFrame], begin_s: float | None) -> Iterator[F32]:
    """Resample decoded frames, with silence where their times leave a gap, and without what lies before `begin_s`."""
    resampler: av.AudioResampler | None = None
    due_s, early = begin_s, 0
    for frame in frames:
        start_s = frame.time if frame.time is not None else due_s or 0.0
        due_s = start_s if due_s is None else due_s
        gap_s = start_s - due_s
        if resampler is None or gap_s > SHORTEST_PAUSE_S:
            early = max(round(-gap_s * SOUND_RATE), 0) if resampler is None else early
            yield from _resampled(resampler, None)
            yield np.zeros((2, round(gap_s * SOUND_RATE) if 0 < gap_s < LONGEST_PAUSE_S else 0), np.float32)
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
            due_s = start_s
        due_s += frame.samples / frame.sample_rate
        for samples in _resampled(resampler, frame):
            yield samples[:, early:]
            early = max(early - samples.shape[1], 0)
    for samples in _resampled(resampler, None):
        yield samples[:, early:]


def _resampled(resampler: av.AudioResampler | None, frame: av.AudioFrame | None) -> list[F32]:
    """Return what comes out for a frame, or the rest for None."""
    blocks = resampler.resample(frame) if resampler is not None else []
    return [np.asarray(block.to_ndarray(), np.float32) for block in blocks]


class MovieWriter:
    """Writes pictures and sound to an MP4 (H.264, AAC); the file appears under its name only once it is whole."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float, *, sound: bool) -> None:
        """Open a movie of (width, height) pixels.

        Raises:
            MediaError: the folder cannot be written to.
        """
        self._path = path
        self._part = path.with_name(f"{path.stem[:100]}.{secrets.token_hex(4)}.part.mp4")
        with self._plain_errors():
            self._part.open("xb").close()
            self._container: Any = av.open(str(self._part), "w")
        self._video: Any = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = VIDEO_CLOCK
        # One thread: the same input gives the same bytes on every machine.
        self._video.codec_context.thread_count = 1
        self._video.options = {"crf": "18", "preset": "veryfast"}
        self._sound: Any = self._container.add_stream("aac", rate=SOUND_RATE) if sound else None
        if self._sound is not None:
            self._sound.layout = "stereo"

    def picture(self, rgb: U8, time_s: float) -> None:
        """Add one (height, width, 3) RGB picture, shown from `time_s` on."""
        frame = av.VideoFrame.from_ndarray(to_i420(rgb), format="yuv420p")
        frame.pts, frame.time_base = round(time_s / VIDEO_CLOCK), VIDEO_CLOCK
        with self._plain_errors():
            self._container.mux(self._video.encode(frame))

    def sound(self, samples: F32, at_sample: int) -> None:
        """Add (2, n) float samples at 48 kHz that start at sample number `at_sample`."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at_sample, Fraction(1, SOUND_RATE)
        with self._plain_errors():
            self._container.mux(self._sound.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                with self._plain_errors():
                    self._finish()
        finally:
            with suppress(av.FFmpegError, OSError):  # what went wrong before matters more
                self._container.close()
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        for stream in filter(None, (self._video, self._sound)):
            self._container.mux(stream.encode(None))
        self._container.close()
        self._part.replace(self._path)

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"Cannot write {self._path}: {getattr(error, 'strerror', None) or error}.") from error


def _open(path: Path) -> Any:
    try:
        return av.open(str(path), options={"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"})
    except (av.ArgumentError, av.InvalidDataError) as error:
        raise MediaError(f"Cannot open {path}: it is no clip or sound of a kind that can be read.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"Cannot open {path}: {getattr(error, 'strerror', None) or error}.") from error


def _video(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise MediaError(f"{path} has no picture: give a video file as driver.")
    return container.streams.video[0]


def _upright(rgb: U8, rotation: int) -> U8:
    """Turn a picture by the file's display rotation (degrees counter-clockwise, as FFmpeg reports it)."""
    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
