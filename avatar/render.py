"""The live pipeline, offline: the same stages frame by frame, deterministic, into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avatar.config import PictureSettings
from avatar.errors import MediaError
from avatar.generator.identity import Identity
from avatar.generator.tiers import open_generator
from avatar.media_file import SOUND_RATE, MovieWriter, clip_frames, probe_clip, sound_blocks, sound_seconds
from avatar.models import get_model
from avatar.motion.basis import load_basis
from avatar.motion.idle import IdleLife
from avatar.motion.mixer import MixState, mix
from avatar.motion.neutral import CALIBRATION_S
from avatar.motion.retarget import Retargeter
from avatar.perception.tracker import FaceTracker
from avatar.types import F32, U8, FaceState

Progress = Callable[[int, int | None], None]
"""Called with (pictures done, pictures in all or None when unknown)."""

IDLE_RENDER_S: Final = 10.0
"""Length of a rendering that has neither driver nor sound."""
RESTING_LOOK_S: Final = CALIBRATION_S + 0.3


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What a rendering came to."""

    pictures: int
    seconds: float
    tracked_share: float
    """Share of the driver's frames in which a face was seen; 0 without a driver."""


@dataclass(frozen=True, slots=True)
class AnimatedFrame:
    """One picture of an offline rendering."""

    time_s: float
    rgb: U8
    """(height, width, 3), RGB."""
    face: FaceState | None
    """What was seen in the driver's frame."""
    driven: bool
    """Whether there was such a frame."""


def render_file(
    identity: Identity,
    driver: Path | None,
    audio: Path | None,
    out: Path,
    *,
    picture: PictureSettings,
    progress: Progress | None = None,
) -> RenderReport:
    """Render an avatar that follows a driver clip into an MP4, with the driver's sound or another.

    Without a driver, or once it has ended while the sound goes on, the avatar lives by itself.

    Raises:
        MediaError: a file cannot be read or written, or the driver shows no face at all.
    """
    info = probe_clip(driver) if driver is not None else None
    sound = audio if audio is not None else driver
    begin_s = info.begin_s if info is not None and audio is None else None
    sound_s = sound_seconds(sound, begin_s=begin_s) if sound is not None else 0.0
    if audio is not None and sound_s == 0:
        raise MediaError(f"{audio} has no sound.")
    fps = info.fps if info is not None else float(picture.fps)
    length_s = sound_s if audio is not None else (0.0 if driver is not None else IDLE_RENDER_S)
    expected = max(info.frames or 0 if info is not None else 0, round(length_s * fps)) or None

    pictures = tracked = driven = 0
    end_s = 0.0
    with MovieWriter(out, (picture.width, picture.height), fps, sound=sound_s > 0) as movie:
        track = _SoundTrack(movie, sound_blocks(sound, begin_s=begin_s)) if sound is not None and sound_s > 0 else None
        for frame in animate(identity, driver, picture, fps=fps, at_least_s=length_s):
            movie.picture(frame.rgb, frame.time_s)
            end_s = frame.time_s + 1 / fps
            if track is not None:
                track.copy_until(end_s)
            pictures += 1
            driven += frame.driven
            tracked += frame.face is not None and not frame.face.held
            if progress is not None:
                progress(pictures, expected)
        if pictures == 0:
            raise MediaError(f"{driver} has no pictures.")
        if info is not None and tracked == 0:
            raise MediaError(f"No face was seen anywhere in {driver}: give a clip with one face, well lit.")
    return RenderReport(pictures, end_s, tracked / driven if driven else 0.0)


def animate(
    identity: Identity, driver: Path | None, picture: PictureSettings, *, fps: float, at_least_s: float = 0.0
) -> Iterator[AnimatedFrame]:
    """Yield an avatar that follows a driver clip, then lives by itself until `at_least_s`.

    The driver's first second is looked at beforehand: its resting face is known from the first picture on.
    """
    generator = open_generator(identity, (picture.width, picture.height), picture.tier, picture.engine)
    idle, state = IdleLife(), MixState()
    retargeter = Retargeter(load_basis())
    next_s = 0.0
    if driver is not None:
        for _, face in _track(driver, until_s=RESTING_LOOK_S):
            if face is not None:
                retargeter.motion(face)
        for time_s, face in _track(driver):
            camera = retargeter.motion(face) if face is not None else None
            state, motion = mix(state, face, camera, idle.motion(time_s))
            yield AnimatedFrame(time_s, generator.render(motion), face, driven=True)
            next_s = time_s + 1 / fps
    for index in range(round((at_least_s - next_s) * fps)):
        time_s = next_s + index / fps
        state, motion = mix(state, None, None, idle.motion(time_s))
        yield AnimatedFrame(time_s, generator.render(motion), None, driven=False)


def _track(driver: Path, *, until_s: float | None = None) -> Iterator[tuple[float, FaceState | None]]:
    """Yield (seconds, face or None) for the frames of a clip."""
    tracker = FaceTracker(get_model("face_landmarker"))
    try:
        for time_s, rgb in clip_frames(driver, until_s=until_s):
            yield time_s, tracker.track(rgb, time_s)
    finally:
        tracker.close()


class _SoundTrack:
    """Copies a file's sound into a movie as far as its pictures have come, so that the two are written side by side."""

    def __init__(self, movie: MovieWriter, blocks: Iterator[F32]) -> None:
        self._movie = movie
        self._blocks = blocks
        self._rest = np.zeros((2, 0), np.float32)
        self._at = 0

    def copy_until(self, end_s: float) -> None:
        """Copy all sound before `end_s`."""
        wanted = round(end_s * SOUND_RATE) - self._at
        while self._rest.shape[1] < wanted and (block := next(self._blocks, None)) is not None:
            self._rest = np.concatenate([self._rest, block], axis=1)
        part, self._rest = self._rest[:, :wanted], self._rest[:, wanted:]
        if part.shape[1]:
            self._movie.sound(part, self._at)
            self._at += part.shape[1]
