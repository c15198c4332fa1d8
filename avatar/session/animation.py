"""The live pipeline's stages, offline: frame by frame and deterministic, from a clip and a voice to pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from avatar.config import PictureSettings
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.picture_label import labelled
from avatar.generator.protocol import Generator
from avatar.generator.tiers import open_generator
from avatar.media.files import Damage
from avatar.media.frame_pixels import RgbPixels
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.motion.composer import CompositionState, Sources, Temperament, compose
from avatar.motion.cue_list import TimedCue
from avatar.motion.direction import Direction, follow_cue
from avatar.motion.neutral import CALIBRATION_S
from avatar.motion.retarget import Retargeter
from avatar.motion.voice_motion import VoiceMotion
from avatar.perception.tracker import FaceTracker
from avatar.trust.watermark import marker_of
from avatar.types import F32, U8, FaceState, Motion


class VoiceAt(Protocol):
    """A voice, asked at rising moments."""

    def __call__(self, time_s: float, *, listening: bool = True, sees_mouth: float = 0.0) -> VoiceMotion:
        """Return what it does at a moment; `listening` and `sees_mouth` are as of `SpeechMotion.motion`."""


PATIENT_REGIONS: Final = 24
"""Parts of a clip's picture that are searched in each frame while no face is found: nobody waits for the next frame."""
RESTING_LOOK_S: Final = CALIBRATION_S + 0.3


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
        heard = None
        if voice is not None:
            heard = voice(time_s, listening=generator.needs_heard, sees_mouth=state.mix.sees_mouth)
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


def _track(
    driver: Path, engine: str, generator: Generator, *, until_s: float | None = None, damage: Damage | None = None
) -> Iterator[tuple[float, FaceState | None, F32 | None]]:
    """Yield (seconds, face or None, what the generator reads from it by itself) for the frames of a clip."""
    model = get_model("face_landmarker")
    tracker = FaceTracker(model, regions_per_frame=PATIENT_REGIONS, engine=engine)
    try:
        for time_s, rgb in clip_frames(driver, until_s=until_s, damage=damage):
            face = tracker.track(rgb, time_s)
            read = generator.read_driver(RgbPixels(rgb), face) if face is not None and not face.held else None
            yield time_s, face, read
    finally:
        tracker.close()
