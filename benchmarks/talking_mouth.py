"""A talking avatar, and the mouth that MediaPipe measures in its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avatar.face import mesh
from avatar.face.pose import fit_pose, to_head_frame
from avatar.generator.geometry import GeometryGenerator
from avatar.identities.open import open_identity
from avatar.media.audio import audio_blocks
from avatar.models.store import get_model
from avatar.motion.idle import IdleLife
from avatar.motion.mixer import MixState, mix
from avatar.motion.speech import speech_motions
from avatar.motion.voice_motion import VoiceMotion
from avatar.motion.voice_network import VoiceNetwork
from avatar.perception.landmarker import FaceLandmarker
from avatar.perception.speech.log_mel import RATE
from avatar.perception.speech.preprocessing import SpeechPreprocessor, sound_frame
from avatar.types import F32, U8

LOWER_LIP_EDGE, LEFT_CORNER, RIGHT_CORNER = 17, 61, 291
ONE_SHIFT = ((0, 0),)
NINE_SHIFTS = tuple((x, y) for x in (-5, 0, 4) for y in (-4, 0, 5))
"""Pixels that a picture is shifted by. What MediaPipe reads off lips depends on where in the picture a face lies: off a
picture that is only shifted it reads movements of 0.002 to 0.006 head units. Where so little counts, each picture
is measured nine times and the mean taken."""


@dataclass(frozen=True, slots=True)
class MouthTrack:
    """A mouth measured picture by picture, head units in the head's own frame; NaN where no face was found."""

    times: np.ndarray
    aperture: np.ndarray
    """(n,), between the inner lips."""
    width: np.ndarray
    """(n,), between the corners."""
    tucked: np.ndarray
    """(n,), how far the lower lip is raised and rolled in and the upper lip lifted off it, against the face's rest."""


class MouthMeter:
    """Measures mouths with MediaPipe, each picture by itself: no smoothing over time."""

    def __init__(self) -> None:
        self._landmarker = FaceLandmarker(get_model("face_landmarker"), video=False, max_faces=1)

    def measure(
        self,
        pictures: Iterable[tuple[float, U8]],
        rest: U8 | None = None,
        shifts: Sequence[tuple[int, int]] = ONE_SHIFT,
    ) -> MouthTrack:
        """Return the mouth of (seconds, (height, width, 3) RGB) pictures, beside the face's resting picture.

        With several `shifts` each picture is measured once per shift, and the mean is taken.
        """
        zero = self._points(rest) if rest is not None else None
        rows = []
        for time_s, rgb in pictures:
            readings = [self._measure(np.roll(rgb, (y, x), (0, 1)), zero) for x, y in shifts]
            rows.append((time_s, *np.mean(readings, axis=0)))
        table = np.array(rows, np.float64).reshape(-1, 4)
        return MouthTrack(table[:, 0], table[:, 1], table[:, 2], table[:, 3])

    def _points(self, rgb: U8) -> F32 | None:
        faces = self._landmarker.detect(np.ascontiguousarray(rgb), 0.0)
        return to_head_frame(faces[0].landmarks_px, fit_pose(faces[0].landmarks_px)) if faces else None

    def _measure(self, rgb: U8, zero: F32 | None) -> tuple[float, float, float]:
        head = self._points(rgb)
        if head is None:
            return (float("nan"),) * 3
        upper, lower = head[mesh.UPPER_LIP_CENTRE, 1], head[mesh.LOWER_LIP_CENTRE, 1]
        tucked = 0.0
        if zero is not None:
            raised = zero[mesh.UPPER_LIP_CENTRE, 1] - upper + zero[mesh.LOWER_LIP_CENTRE, 1] - lower
            height = head[LOWER_LIP_EDGE, 1] - lower
            tucked = raised + (zero[LOWER_LIP_EDGE, 1] - zero[mesh.LOWER_LIP_CENTRE, 1]) - height
        return float(lower - upper), float(head[RIGHT_CORNER, 0] - head[LEFT_CORNER, 0]), float(tucked)

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()


class TalkingAvatar:
    """One face on the geometry tier that says any audio."""

    def __init__(self, face: str, size: int, fps: float, network: VoiceNetwork | None = None) -> None:
        self.generator = GeometryGenerator(open_identity(face), (size, size))
        self.fps, self.network = fps, network
        self.rest = self.generator.render(replace(IdleLife().motion(0.0), blendshapes=np.zeros(52, np.float32)))

    def say(self, sound: F32, rate: int = RATE) -> list[tuple[float, VoiceMotion]]:
        """Return (seconds, the voice's motion) for each picture of (n,) samples."""
        times = np.arange(round(len(sound) / rate * self.fps)) / self.fps
        spoken = speech_motions(sound, rate, times.tolist(), network=self.network)
        return list(zip(times.tolist(), spoken, strict=True))

    def show(self, spoken: Iterable[tuple[float, VoiceMotion]]) -> Iterator[tuple[float, U8]]:
        """Yield (seconds, (size, size, 3) RGB) of the avatar, speaking and with idle life."""
        idle, state = IdleLife(), MixState()
        for time_s, voice in spoken:
            state, motion = mix(state, None, None, idle.motion(time_s), voice=voice)
            yield time_s, self.generator.render(motion)


def read_audio(path: Path) -> F32:
    """Return a file's audio, (n,) at 16 kHz, from the moment of its first picture where it has pictures."""
    preprocessor = SpeechPreprocessor()
    blocks = [preprocessor.take(sound_frame(block, 48_000)) for block in audio_blocks(path, begin_s=_begin_s(path))]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _begin_s(path: Path) -> float | None:
    from avatar.media.video import probe_clip  # noqa: PLC0415

    return probe_clip(path).begin_s if path.suffix == ".mp4" else None
