"""An avatar rendered into a movie: `animation` makes the pictures, sound is copied or spoken beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avatar.config import PictureSettings
from avatar.errors import MediaError
from avatar.generator.identity import Identity
from avatar.generator.tiers import open_listener
from avatar.media.audio import SOUND_RATE, audio_blocks, audio_seconds
from avatar.media.files import Damage
from avatar.media.movie_writer import MovieWriter
from avatar.media.video import probe_clip
from avatar.motion.cue_list import TimedCue
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.motion.voice_motion import VoiceMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.session.animation import animate
from avatar.types import F32, Drive

RenderProgress = Callable[[int, int | None], None]
"""Called with (pictures done, pictures in all or None when unknown)."""

SPOKEN_FPS: Final = 20.0
"""Lips that follow a voice take at least so many pictures a second: of a clip with fewer, each stands for several."""
SOUND_TAIL_S: Final = 0.25
"""A clip's own sound that ends up to this much after its last picture is cut with it, as encoders fill their blocks."""
IDLE_RENDER_S: Final = 10.0
"""Length of a rendering that has neither driver nor sound."""


@dataclass(frozen=True, slots=True)
class RenderReport:
    """What a rendering came to."""

    pictures: int
    seconds: float
    tracked_share: float
    """Share of the driver's frames in which a face was seen; 0 without a driver."""
    warnings: tuple[str, ...] = ()
    """Sentences about what was damaged in the files."""


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
    damage, sound_damage = Damage(), Damage()
    plan = _plan(driver, audio, drive, float(picture.fps), damage if audio is None else sound_damage)
    sound = plan.sound
    voice = None
    if sound is not None and plan.speaks:
        speech = SpeechMotion(voice_network, listener=open_listener(picture.tier, picture.engine))
        voice = _Voice(audio_blocks(sound, begin_s=plan.sound_begin_s), speech)

    pictures = tracked = driven = 0
    end_s = 0.0
    size = (picture.width, picture.height)
    with MovieWriter(out, size, plan.fps, sound=sound is not None, finish=finish) as movie:
        track = None if sound is None else _SoundTrack(movie, audio_blocks(sound, begin_s=plan.sound_begin_s))
        for frame in animate(
            identity,
            plan.followed,
            picture,
            fps=plan.fps,
            at_least_s=plan.length_s,
            shorter_by_s=plan.shorter_by_s,
            voice=voice,
            cues=cues,
            damage=damage,
        ):
            movie.picture(frame.rgb, frame.time_s)
            end_s = frame.time_s + 1 / plan.fps
            if track is not None:
                track.copy_until(end_s)
            pictures += 1
            driven += frame.driven
            tracked += frame.face is not None and not frame.face.held
            if progress is not None:
                progress(pictures, plan.expected or None)
        if pictures == 0:
            raise MediaError(f"{driver} has no pictures.")
        if plan.followed is not None and tracked == 0:
            raise MediaError(f"No face was seen anywhere in {plan.followed}: give a clip with one face, well lit.")
    warnings = damage.warnings(driver) if driver is not None else []
    if audio is not None:
        warnings += sound_damage.warnings(audio)
    warnings += _late_cues(cues, end_s)
    return RenderReport(pictures, end_s, tracked / driven if driven else 0.0, tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is rendered, as far as the files say it beforehand."""

    followed: Path | None
    """The clip whose face is followed."""
    sound: Path | None
    """The file whose sound is heard."""
    sound_begin_s: float | None
    """Where in it; None: at its beginning."""
    speaks: bool
    """Whether the sound moves the mouth."""
    fps: float
    length_s: float
    """How long it goes on at least ..."""
    shorter_by_s: float
    """... but for so much, where the clip's pictures end before."""
    expected: int
    """Pictures; 0: not known."""


def _plan(
    driver: Path | None, audio: Path | None, drive: Drive | None, picture_fps: float, sound_damage: Damage
) -> _Plan:
    """Look into the files; `sound_damage` is told what of the sound could not be read. Raises MediaError."""
    drive = drive or ("camera" if driver is not None else "voice")
    info = probe_clip(driver) if driver is not None else None
    sound = audio if audio is not None else driver
    begin_s = info.begin_s if info is not None and audio is None else None
    sound_s = audio_seconds(sound, begin_s=begin_s, damage=sound_damage) if sound is not None else 0.0
    if sound_s == 0:
        if audio is not None:
            raise MediaError(f"{audio} has no sound.")
        if drive == "voice" and sound is not None:
            raise MediaError(f"{sound} has no sound: there is no voice to speak with.")
        sound = None
    followed = driver if drive != "voice" else None
    speaks = sound is not None and drive != "camera"
    fps = info.fps if info is not None and not (speaks and info.fps < SPOKEN_FPS) else picture_fps
    length_s = sound_s if followed is not None or sound is not None else IDLE_RENDER_S
    frames = info.frames or 0 if info is not None and followed is not None else 0
    own_sound = audio is None and followed is not None
    return _Plan(
        followed,
        sound,
        begin_s,
        speaks,
        fps,
        length_s,
        shorter_by_s=SOUND_TAIL_S if own_sound else 0.0,
        expected=frames if own_sound else max(frames, round(length_s * fps)),
    )


def _late_cues(cues: Sequence[TimedCue], end_s: float) -> list[str]:
    """Return a sentence on cues that come after the last picture, if there are any."""
    late = [timed for timed in cues if timed.time_s >= end_s]
    if not late:
        return []
    first = f"{late[0].text!r} at {late[0].time_s:g} s"
    others = f" and {len(late) - 1} more" if len(late) > 1 else ""
    return [f"Not shown, as the end comes before at {end_s:.1f} s: the cue {first}{others}."]


class _Voice:
    """What a file's voice does at rising moments; reads no further ahead than it has to."""

    def __init__(self, blocks: Iterator[F32], speech: SpeechMotion) -> None:
        self._blocks, self._speech, self._pushed_s = blocks, speech, 0.0

    def __call__(self, time_s: float, *, listening: bool = True, sees_mouth: float = 0.0) -> VoiceMotion:
        while self._pushed_s < time_s + 2 * LOOK_AHEAD_S:
            block = next(self._blocks, None)
            # After the last word the network still takes what follows it: silence.
            samples = np.zeros((2, SOUND_RATE // 10), np.float32) if block is None else block
            if samples.shape[1]:
                self._speech.push(samples, self._pushed_s, SOUND_RATE)
                self._pushed_s += samples.shape[1] / SOUND_RATE
        return self._speech.motion(time_s, listening=listening, sees_mouth=sees_mouth)


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
