"""Reads the pictures of clips: upright, in order of time, damaged ones left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import av
import numpy as np

from avatar.errors import FrameError, MediaError
from avatar.media.clock import LONGEST_PAUSE_S
from avatar.media.colour import MAX_SIDE_PX, camera_rgb
from avatar.media.files import Damage, decoded, decoded_from_here, first_stream, opened
from avatar.types import U8

RATES: Final = (1.0, 60.0)
"""Pictures a second that a clip is taken to have."""
USUAL_FPS: Final = 30.0
MEASURED_STEPS: Final = 240
"""Steps between pictures from which a clip's rate is taken."""
SAME_RATE: Final = 0.04
"""A rate that a file states is believed when it is this near to the measured one: times are rounded to milliseconds."""
STRETCHES: Final = 30
"""In how many places a long clip is looked into."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip says about itself."""

    fps: float
    """Pictures a second while there are any: pauses in a clip do not count."""
    frames: int | None
    """Pictures of that rate in its length; None when the file does not say how long it is."""
    has_sound: bool
    begin_s: float
    """When its first picture is shown, by the file's clock."""


def probe_clip(path: Path) -> ClipInfo:
    """Return a clip's rate and length.

    Raises:
        MediaError: the file cannot be opened or has no picture.
    """
    with opened(path) as container:
        video = _video(container, path)
        length_s = float(video.duration * video.time_base) if video.duration and video.time_base else None
        begin_s = float(video.start_time * video.time_base) if video.start_time is not None else 0.0
        frames, has_sound = video.frames, first_stream(container, "audio") is not None
        fps = _rate(container, video)
        return ClipInfo(fps, round(length_s * fps) if length_s else frames or None, has_sound, begin_s)


def clip_frames(
    path: Path, *, until_s: float | None = None, damage: Damage | None = None
) -> Iterator[tuple[float, U8]]:
    """Yield (seconds from the clip's beginning, (height, width, 3) RGB), upright as the file's rotation says.

    Damaged pictures are left out, so the first may come late. The size may change from one to the next.

    Args:
        path: the clip.
        until_s: pictures from then on are not read.
        damage: takes note of what was left out.

    Raises:
        MediaError: the file cannot be opened, or no picture of it can be read.
    """
    damage = damage or Damage()
    with opened(path) as container:
        video = _video(container, path)
        step_s = 1 / _stated_rate(video)
        begin_s = float(video.start_time * video.time_base) if video.start_time is not None else None
        last_s = -1.0
        for piece in decoded(container, video, damage):
            rgb = _picture(piece.frame)
            if rgb is None:
                damage.pictures_s += piece.lasts_s or step_s
                continue
            time_s = piece.time_s if piece.time_s is not None else (begin_s or 0.0) + max(last_s, 0.0) + step_s
            if begin_s is None or time_s < begin_s or time_s - begin_s - max(last_s, 0.0) > LONGEST_PAUSE_S:
                begin_s = time_s - max(last_s, 0.0)
            now_s = time_s - begin_s
            if until_s is not None and now_s >= until_s:
                return
            if now_s > last_s:
                last_s = now_s
                yield now_s, rgb
        if last_s < 0:
            raise _nothing_to_see(video, path)


def spread_frames(
    path: Path, *, longest_s: float, most: int, damage: Damage | None = None
) -> Iterator[tuple[float, U8]]:
    """Yield at most `most` frames spread over a clip, as `clip_frames` does; the same ones each time.

    A clip of up to `longest_s` is read whole. Of a longer one, `longest_s` in all are read: short stretches evenly
    spread, each from the picture that a leap of the file lands on, so that an hour takes no longer than a minute.

    Raises:
        MediaError: the file cannot be opened, or no picture of it can be read.
    """
    damage = damage or Damage()
    with opened(path) as container:
        video = _video(container, path)
        length_s = container.duration / av.time_base if container.duration else None
        begin_s = (container.start_time or 0) / av.time_base
        known = length_s is not None and length_s > longest_s
        starts = np.linspace(0, length_s, STRETCHES, endpoint=False).tolist() if known and length_s else [None]
        stretch_s = longest_s / len(starts)
        every_s, step_s = min(length_s or longest_s, longest_s) / most, 1 / _stated_rate(video)
        last_s, given = -1.0, 0
        for start_s in starts:
            if start_s is not None and not _sought(container, begin_s + start_s):
                continue
            first_s: float | None = None
            before_s = last_s
            pieces = decoded(container, video, damage) if start_s is None else decoded_from_here(container, video)
            for piece in pieces:
                rgb = _picture(piece.frame)
                if rgb is None:
                    damage.pictures_s += piece.lasts_s or step_s
                    continue
                now_s = (piece.time_s if piece.time_s is not None else begin_s + last_s + step_s) - begin_s
                first_s = now_s if first_s is None else first_s
                if now_s - first_s >= stretch_s or given >= most or first_s < before_s:
                    break
                if last_s < 0 or now_s - last_s >= 0.99 * every_s:
                    last_s, given = now_s, given + 1
                    yield now_s, rgb
        if not given:
            raise _nothing_to_see(video, path)


def _video(container: Any, path: Path) -> Any:
    video = first_stream(container, "video")
    if video is None:
        raise MediaError(f"{path} has no picture: give a video file as driver.")
    return video


def _stated_rate(video: Any) -> float:
    return min(max(float(video.average_rate or video.guessed_rate or USUAL_FPS), RATES[0]), RATES[1])


def _rate(container: Any, video: Any) -> float:
    """Return the rate of a clip's pictures where there are some; reads the beginning of the file."""
    times: list[float] = []
    try:
        packets = itertools.islice(container.demux(video), MEASURED_STEPS + 1)
        times.extend(float(packet.dts * packet.time_base) for packet in packets if packet.dts is not None)
    except (av.FFmpegError, OSError):
        pass  # what there is before the damage tells enough
    steps = [step for step in np.diff(times).tolist() if step > 0]
    if not steps:
        return _stated_rate(video)
    measured = 1 / median(steps)
    for stated in (video.average_rate, video.guessed_rate):
        if stated and abs(float(stated) / measured - 1) < SAME_RATE:
            measured = float(stated)
            break
    return min(max(measured, RATES[0]), RATES[1])


def _picture(frame: Any) -> U8 | None:
    """Return a decoded frame as upright RGB; None for one that is damaged, or claims a size that is not taken."""
    if frame is None:
        return None
    try:
        return _upright(camera_rgb(frame), int(frame.rotation))
    except (av.FFmpegError, FrameError, ValueError):
        return None


def _nothing_to_see(video: Any, path: Path) -> MediaError:
    if max(video.width, video.height) > MAX_SIDE_PX:
        return MediaError(
            f"The pictures of {path} have {video.width} x {video.height} pixels: at most {MAX_SIDE_PX} a side are "
            "read. Give a smaller clip."
        )
    return MediaError(f"{path} has no picture that can be read: the file is damaged.")


def _sought(container: Any, time_s: float) -> bool:
    """Go to a moment of a file; return whether that worked."""
    try:
        container.seek(round(time_s * av.time_base))
    except (av.FFmpegError, OSError, OverflowError):
        return False
    return True


def _upright(rgb: U8, rotation: int) -> U8:
    """Turn a picture by the file's display rotation (degrees counter-clockwise, as FFmpeg reports it)."""
    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
