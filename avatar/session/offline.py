"""The live pipeline, offline: the same stages frame by frame, deterministic, into a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avatar.config import PictureSettings
from avatar.errors import MediaError
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.picture_label import labelled
from avatar.generator.protocol import Generator
from avatar.generator.tiers import open_generator, open_listener
from avatar.media.audio import SOUND_RATE, audio_blocks, audio_seconds
from avatar.media.files import Damage
from avatar.media.movie_writer import MovieWriter
from avatar.media.video import clip_frames, probe_clip
from avatar.models.store import get_model
from avatar.motion.composer import CompositionState, Sources, Temperament, compose
from avatar.motion.cue_list import TimedCue
from avatar.motion.direction import Direction, follow_cue
from avatar.motion.neutral import CALIBRATION_S
from avatar.motion.retarget import Retargeter
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.motion.voice_motion import VoiceMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.tracker import FaceTracker
from avatar.trust.watermark import marker_of
from avatar.types import F32, U8, Drive, FaceState, Motion

RenderProgress = Callable[[int, int | None], None]
"""Called with (pictures done, pictures in all or None when unknown)."""

VoiceAt = Callable[[float], VoiceMotion]
"""What a voice does at a moment, seconds; asked in order."""

SPOKEN_FPS: Final = 20.0
"""Lips that follow a voice take at least so many pictures a second: of a clip with fewer, each stands for several."""
SOUND_TAIL_S: Final = 0.25
"""A clip's own sound that ends up to this much after its last picture is cut with it, as encoders fill their blocks."""
IDLE_RENDER_S: Final = 10.0
"""Length of a rendering that has neither driver nor sound."""
PATIENT_REGIONS: Final = 24
"""Parts of a clip's picture that are searched in each frame while no face is found: nobody waits for the next frame."""
RESTING_LOOK_S: Final = CALIBRATION_S + 0.3


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What a rendering came to."""

    pictures: int
    seconds: float
    tracked_share: float
    """Share of the driver's frames in which a face was seen; 0 without a driver."""
    warnings: tuple[str, ...] = ()
    """Sentences about what was damaged in the files."""


@dataclass(frozen=True, slots=True)
class AnimatedFrame:
    """One picture of an offline rendering."""

    time_s: float
    rgb: U8
    """(height, width, 3), RGB."""
    face: FaceState | None
    """What was seen in the driver's frame; None where there is none for this picture."""
    driven: bool
    """Whether there was such a frame: not where the one before stands, or after the last."""


def render_file(
    identity: Identity,
    driver: Path | None,
    audio: Path | None,
    out: Path,
    *,
    picture: PictureSettings,
    drive: Drive | None = None,
    voice_network: VoiceNetwork | None = None,
    cues: Sequence[TimedCue] = (),
    progress: RenderProgress | None = None,
    finish: Callable[[Path], None] = lambda _: None,
) -> RenderReport:
    """Render an avatar into an MP4 that follows a driver clip, speaks with a sound, or both.

    `drive` says what moves it; by default the driver's face where there is a driver, and the sound where there is none.
    Without a driver, or once it has ended while the sound goes on, the rest of the face lives by itself.
    `voice_network` moves the mouth in place of the shipped one; `cues`, by rising time, play on top of all that.
    `finish` is given the movie once it is whole, before it has its name: to be signed, say.

    Raises:
        MediaError: a file cannot be read or written, or the driver shows no face at all.
    """
    drive = drive or ("camera" if driver is not None else "voice")
    info = probe_clip(driver) if driver is not None else None
    sound = audio if audio is not None else driver
    begin_s = info.begin_s if info is not None and audio is None else None
    damage = Damage()
    sound_damage = damage if audio is None else Damage()
    sound_s = audio_seconds(sound, begin_s=begin_s, damage=sound_damage) if sound is not None else 0.0
    if audio is not None and sound_s == 0:
        raise MediaError(f"{audio} has no sound.")
    if drive == "voice" and sound is not None and sound_s == 0:
        raise MediaError(f"{sound} has no sound: there is no voice to speak with.")
    followed = driver if drive != "voice" else None
    speaks = sound is not None and sound_s > 0 and drive != "camera"
    fps = info.fps if info is not None and not (speaks and info.fps < SPOKEN_FPS) else float(picture.fps)
    own_sound = audio is None and followed is not None
    length_s = sound_s if followed is not None or sound_s else IDLE_RENDER_S
    frames = info.frames or 0 if info is not None and followed is not None else 0
    expected = frames if own_sound else max(frames, round(length_s * fps))
    voice = None
    if sound is not None and speaks:
        listener = open_listener(picture.tier, picture.engine)
        voice = _Voice(audio_blocks(sound, begin_s=begin_s), SpeechMotion(voice_network, listener=listener))

    pictures = tracked = driven = 0
    end_s = 0.0
    with MovieWriter(out, (picture.width, picture.height), fps, sound=sound_s > 0, finish=finish) as movie:
        track = _SoundTrack(movie, audio_blocks(sound, begin_s=begin_s)) if sound is not None and sound_s > 0 else None
        for frame in animate(
            identity,
            followed,
            picture,
            fps=fps,
            at_least_s=length_s,
            shorter_by_s=SOUND_TAIL_S if own_sound else 0.0,
            voice=voice,
            cues=cues,
            damage=damage,
        ):
            movie.picture(frame.rgb, frame.time_s)
            end_s = frame.time_s + 1 / fps
            if track is not None:
                track.copy_until(end_s)
            pictures += 1
            driven += frame.driven
            tracked += frame.face is not None and not frame.face.held
            if progress is not None:
                progress(pictures, expected or None)
        if pictures == 0:
            raise MediaError(f"{driver} has no pictures.")
        if followed is not None and tracked == 0:
            raise MediaError(f"No face was seen anywhere in {followed}: give a clip with one face, well lit.")
    warnings = damage.warnings(driver) if driver is not None else []
    if audio is not None:
        warnings += sound_damage.warnings(audio)
    warnings += _late_cues(cues, end_s)
    return RenderReport(pictures, end_s, tracked / driven if driven else 0.0, tuple(warnings))


def animate(
    identity: Identity,
    driver: Path | None,
    picture: PictureSettings,
    *,
    fps: float,
    at_least_s: float = 0.0,
    shorter_by_s: float = 0.0,
    voice: VoiceAt | None = None,
    cues: Sequence[TimedCue] = (),
    damage: Damage | None = None,
) -> Iterator[AnimatedFrame]:
    """Yield an avatar that follows a driver clip and speaks with a voice, then lives by itself until `at_least_s`.

    The pictures come `fps` a second whenever the driver's do: where one of those is missing the one before stands, and
    the voice goes on. The driver's first second is looked at beforehand: its resting face is known from the first
    picture on.

    Args:
        identity: who is shown.
        driver: the clip; None: it lives by itself from the beginning.
        picture: size and what draws it.
        fps: pictures a second.
        at_least_s: how long it goes on.
        shorter_by_s: a driver that ends by no more than this before is long enough.
        voice: what it says.
        cues: what it shows, by rising time, from the picture on that is due then.
        damage: is told what of the driver could not be read.

    Raises:
        MediaError: the driver cannot be read.
    """
    size = (picture.width, picture.height)
    generator = labelled(open_generator(identity, size, picture.tier, picture.engine, picture.background), picture)
    # No call: the same rendering twice on one day is the same file.
    marker = marker_of(picture, call=0)
    temperament, state = Temperament(), CompositionState()
    direction, coming = Direction(), deque(cues)

    def moved(time_s: float, face: FaceState | None, camera: Motion | None) -> U8:
        nonlocal state, direction
        while coming and coming[0].time_s <= time_s:
            timed = coming.popleft()
            for cue in timed.cues:
                direction = follow_cue(direction, cue, timed.time_s)
        heard = voice(time_s) if voice is not None else None
        state, motion = compose(Sources(temperament, face, camera, heard, direction=direction), state, time_s)
        return marker.mark_rgb(generator.render(motion))

    retargeter = Retargeter(load_basis())
    index = 0
    if driver is not None:
        for _, face, read in _track(driver, picture.tracker, generator, until_s=RESTING_LOOK_S):
            if face is not None:
                retargeter.motion(face, read)
        face, camera = None, None
        for time_s, seen, read in _track(driver, picture.tracker, generator, damage=damage):
            while index < round(time_s * fps):
                yield AnimatedFrame(index / fps, moved(index / fps, face, camera), None, driven=False)
                index += 1
            face, camera = seen, retargeter.motion(seen, read) if seen is not None else None
            if index > round(time_s * fps):
                continue  # it shares a picture with the one before: there are more than `fps` a second here
            yield AnimatedFrame(index / fps, moved(index / fps, face, camera), face, driven=True)
            index += 1
        if at_least_s - index / fps <= shorter_by_s:
            return
    for later in range(index, round(at_least_s * fps)):
        yield AnimatedFrame(later / fps, moved(later / fps, None, None), None, driven=False)


def _late_cues(cues: Sequence[TimedCue], end_s: float) -> list[str]:
    """Return a sentence on cues that come after the last picture, if there are any."""
    late = [timed for timed in cues if timed.time_s >= end_s]
    if not late:
        return []
    first = f"{late[0].text!r} at {late[0].time_s:g} s"
    others = f" and {len(late) - 1} more" if len(late) > 1 else ""
    return [f"Not shown, as the end comes before at {end_s:.1f} s: the cue {first}{others}."]


def _track(
    driver: Path, engine: str, generator: Generator, *, until_s: float | None = None, damage: Damage | None = None
) -> Iterator[tuple[float, FaceState | None, F32 | None]]:
    """Yield (seconds, face or None, what the generator reads from it by itself) for the frames of a clip."""
    model = get_model("face_landmarker")
    tracker = FaceTracker(model, regions_per_frame=PATIENT_REGIONS, engine=engine)
    try:
        for time_s, rgb in clip_frames(driver, until_s=until_s, damage=damage):
            face = tracker.track(rgb, time_s)
            read = generator.read_driver(rgb, face) if face is not None and not face.held else None
            yield time_s, face, read
    finally:
        tracker.close()


class _Voice:
    """What a file's voice does at rising moments; reads no further ahead than it has to."""

    def __init__(self, blocks: Iterator[F32], speech: SpeechMotion) -> None:
        self._blocks, self._speech, self._pushed_s = blocks, speech, 0.0

    def __call__(self, time_s: float) -> VoiceMotion:
        while self._pushed_s < time_s + 2 * LOOK_AHEAD_S:
            block = next(self._blocks, None)
            # After the last word the network still takes what follows it: silence.
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
