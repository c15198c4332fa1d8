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
from avatar.motion.prosody import SpeakingLife
from avatar.motion.retarget import Retargeter
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.motion.voice_motion import VoiceMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.tracker import FaceTracker
from avatar.types import F32, U8, Drive, FaceState, Motion

Progress = Callable[[int, int | None], None]
"""Called with (pictures done, pictures in all or None when unknown)."""

HeardVoice = Callable[[float], VoiceMotion]
"""What a voice does at a moment, seconds; asked in order."""

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
    drive: Drive | None = None,
    voice_network: VoiceNetwork | None = None,
    progress: Progress | None = None,
) -> RenderReport:
    """Render an avatar into an MP4 that follows a driver clip, speaks with a sound, or both.

    `drive` says what moves it; by default the driver's face where there is a driver, and the sound where there is none.
    Without a driver, or once it has ended while the sound goes on, the rest of the face lives by itself.
    `voice_network` moves the mouth in place of the shipped one.

    Raises:
        MediaError: a file cannot be read or written, or the driver shows no face at all.
    """
    drive = drive or ("camera" if driver is not None else "voice")
    info = probe_clip(driver) if driver is not None else None
    sound = audio if audio is not None else driver
    begin_s = info.begin_s if info is not None and audio is None else None
    sound_s = sound_seconds(sound, begin_s=begin_s) if sound is not None else 0.0
    if audio is not None and sound_s == 0:
        raise MediaError(f"{audio} has no sound.")
    if drive == "voice" and sound is not None and sound_s == 0:
        raise MediaError(f"{sound} has no sound: there is no voice to speak with.")
    followed = driver if drive != "voice" else None
    fps = info.fps if info is not None else float(picture.fps)
    length_s = sound_s if audio is not None or followed is None else 0.0
    if followed is None and length_s == 0:
        length_s = IDLE_RENDER_S
    frames = info.frames or 0 if info is not None and followed is not None else 0
    expected = max(frames, round(length_s * fps)) or None
    voice = None
    if sound is not None and sound_s and drive != "camera":
        voice = _Voice(sound_blocks(sound, begin_s=begin_s), SpeechMotion(voice_network))

    pictures = tracked = driven = 0
    end_s = 0.0
    with MovieWriter(out, (picture.width, picture.height), fps, sound=sound_s > 0) as movie:
        track = _SoundTrack(movie, sound_blocks(sound, begin_s=begin_s)) if sound is not None and sound_s > 0 else None
        for frame in animate(identity, followed, picture, fps=fps, at_least_s=length_s, voice=voice):
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
        if followed is not None and tracked == 0:
            raise MediaError(f"No face was seen anywhere in {followed}: give a clip with one face, well lit.")
    return RenderReport(pictures, end_s, tracked / driven if driven else 0.0)


def animate(
    identity: Identity,
    driver: Path | None,
    picture: PictureSettings,
    *,
    fps: float,
    at_least_s: float = 0.0,
    voice: HeardVoice | None = None,
) -> Iterator[AnimatedFrame]:
    """Yield an avatar that follows a driver clip and speaks with a voice, then lives by itself until `at_least_s`.

    The driver's first second is looked at beforehand: its resting face is known from the first picture on.
    """
    generator = open_generator(identity, (picture.width, picture.height), picture.tier, picture.engine)
    idle, speaking, state = IdleLife(), SpeakingLife(), MixState()

    def moved(time_s: float, face: FaceState | None, camera: Motion | None) -> U8:
        nonlocal state
        heard = voice(time_s) if voice is not None else None
        life = idle.motion(time_s) if heard is None else speaking.add(idle.motion(time_s), heard)
        state, motion = mix(state, face, camera, life, voice=heard)
        return generator.render(motion)

    retargeter = Retargeter(load_basis())
    next_s = 0.0
    if driver is not None:
        for _, face in _track(driver, until_s=RESTING_LOOK_S):
            if face is not None:
                retargeter.motion(face)
        for time_s, face in _track(driver):
            camera = retargeter.motion(face) if face is not None else None
            yield AnimatedFrame(time_s, moved(time_s, face, camera), face, driven=True)
            next_s = time_s + 1 / fps
    for index in range(round((at_least_s - next_s) * fps)):
        time_s = next_s + index / fps
        yield AnimatedFrame(time_s, moved(time_s, None, None), None, driven=False)


def _track(driver: Path, *, until_s: float | None = None) -> Iterator[tuple[float, FaceState | None]]:
    """Yield (seconds, face or None) for the frames of a clip."""
    tracker = FaceTracker(get_model("face_landmarker"))
    try:
        for time_s, rgb in clip_frames(driver, until_s=until_s):
            yield time_s, tracker.track(rgb, time_s)
    finally:
        tracker.close()


class _Voice:
    """What a file's voice does at rising moments; reads no further ahead than it has to."""

    def __init__(self, blocks: Iterator[F32], speech: SpeechMotion) -> None:
        self._blocks, self._speech, self._pushed_s = blocks, speech, 0.0

    def __call__(self, time_s: float) -> VoiceMotion:
        while self._pushed_s < time_s + 2 * LOOK_AHEAD_S:
            block = next(self._blocks, None)
            # After the last word the network still hears what follows it: silence.
            samples = np.zeros((2, SOUND_RATE // 10), np.float32) if block is None else block
            if samples.shape[1]:
                self._speech.push(samples, self._pushed_s, SOUND_RATE)
                self._pushed_s += samples.shape[1] / SOUND_RATE
        return self._speech.motion(time_s)


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
