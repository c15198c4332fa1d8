"""Lessons of real talking clips: their audio, and the mouth that MediaPipe measured as the target.

MediaPipe's coefficients say little of small openings, so the jaw's is corrected until the basis parts the lips as far
as they were seen apart.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np

from avatar.errors import MediaError
from avatar.face import mesh
from avatar.face.pose import fit_pose, to_head_frame
from avatar.generator.tuning.face_tracks import Track, track_clip
from avatar.media.files import opened
from avatar.motion.speech_network import MOUTH
from avatar.motion.speech_pair import JAW, lip_parting
from avatar.perception.speech.features import SpeechFeatures
from avatar.perception.speech.log_mel import RATE
from avatar.perception.speech.preprocessing import SpeechPreprocessor
from avatar.types import F32
from training.speech_streams import STRETCH, UNKNOWN, Lesson, Surroundings, extract_features, resampled, troubled
from training.speech_targets import frame_times

LAG_LIMIT_MS: Final = 100.0
"""A clip whose sound and lips are further apart teaches nothing."""
LOUDNESS_LEAD_S: Final = 0.04
"""The manifest's lag is that of the lips after the loudness. A mouth in step opens widest this much after the vowel has
become loud, so clips in step are listed at +40 ms."""
QUIET_SHARE: Final = 0.1
"""Share of a clip's frames, those with the least open mouth, that its rest is taken from."""


@dataclass(frozen=True, slots=True)
class TalkingClip:
    """One line of the manifest that can be learnt from."""

    path: Path
    person: str
    lag_s: float
    """How much later the sound is than the lips."""


def talking_clips(clips: Path, manifest: Path, split: str) -> list[TalkingClip]:
    """Return the clips of a split whose sound belongs to the face and is in step with it.

    Raises:
        MediaError: the manifest (CSV with file, kind, split, is_speech, identity_group, av_lag_ms) cannot be read.
    """
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            return [
                TalkingClip(clips / row["file"], row["identity_group"], LOUDNESS_LEAD_S - float(row["av_lag_ms"]) / 1e3)
                for row in csv.DictReader(lines)
                if row["kind"] == "video"
                and row["split"] == split
                and row["is_speech"] == "yes"
                and row["av_lag_ms"]
                and abs(float(row["av_lag_ms"])) <= LAG_LIMIT_MS
            ]
    except (OSError, KeyError, ValueError) as error:
        raise MediaError(f"{manifest} is not a clip manifest: {error}") from error


def read_sound(path: Path) -> F32:
    """Return a file's sound as (n,) samples at 16 kHz, from the first picture's time where it has pictures.

    Raises:
        MediaError: it has none, or cannot be decoded.
    """
    preprocessor, pieces = SpeechPreprocessor(), []
    try:
        with opened(path) as container:
            if not container.streams.audio:
                raise MediaError(f"{path} has no sound.")
            stream = container.streams.audio[0]
            shift_s = 0.0
            if container.streams.video and stream.start_time is not None:
                video = container.streams.video[0]
                begin = (video.start_time or 0) * float(video.time_base or 0)
                shift_s = stream.start_time * float(stream.time_base or 0) - begin
            pieces = [preprocessor.take(frame) for frame in container.decode(stream)]
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{path} cannot be decoded: {error}") from error
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    shift = round(shift_s * RATE)
    return np.concatenate([np.zeros(shift, np.float32), sound]) if shift > 0 else sound[-shift:]


def seen_mouths(track: Track) -> tuple[F32, F32]:
    """Return a track's mouths as change from its rest.

    Returns:
        (n, 27) coefficients, and (n,) how far the inner lips are apart beyond their rest, in head units.
    """
    heads = np.stack([to_head_frame(points, fit_pose(points)) for points in track.landmarks_px])
    gap = heads[:, mesh.LOWER_LIP_CENTRE, 1] - heads[:, mesh.UPPER_LIP_CENTRE, 1]
    rest = gap <= np.quantile(gap, QUIET_SHARE)
    opening = (gap - np.median(gap[rest])).astype(np.float32)
    mouth = track.blendshapes[:, MOUTH] - np.median(track.blendshapes[rest][:, MOUTH], axis=0)
    parting = lip_parting()
    mouth[:, JAW] += (opening - mouth @ parting) / parting[JAW]
    mouth[:, JAW] = np.maximum(mouth[:, JAW], -0.05)
    return mouth.astype(np.float32), opening


def clip_lesson(
    clip: TalkingClip, model: Path, tracks: Path, around: Surroundings, rng: np.random.Generator,
    features: SpeechFeatures | None = None,
) -> Lesson:  # fmt: skip
    """Return a real clip as a lesson, at the pace and with the troubles that `rng` draws; features None: log-mel.

    Raises:
        MediaError: the clip cannot be decoded or has no sound.
    """
    sound = read_sound(clip.path)
    track = track_clip(clip.path, model, tracks)
    mouth, _ = seen_mouths(track)
    factor = float(rng.uniform(*STRETCH))
    sound = resampled(sound, factor)
    heard = extract_features(troubled(sound, around, rng) if rng.random() < 0.7 else sound, features)
    times = frame_times(len(heard)) * np.float32(factor) - clip.lag_s
    answers = np.stack([np.interp(times, track.time_s, column) for column in mouth.T], axis=1).astype(np.float32)
    # Frames far from any that showed the face do not count.
    nearest = np.abs(times[:, None] - track.time_s[None]).min(axis=1)
    unknown = np.full(len(heard), UNKNOWN, np.float32)
    return Lesson(heard, answers, np.zeros(len(heard), np.float32), unknown, (nearest < 0.06).astype(np.float32))
