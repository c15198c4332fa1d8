"""Frames that an avatar gives out: pictures and sound on one media clock, with the events up to then."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import av

from avatar.media.pcm import I16
from avatar.timing.rtp_clock import VIDEO_TIME_BASE, video_ticks
from avatar.timing.speech_events import PlaybackEvent
from avatar.types import U8


@dataclass(frozen=True, slots=True)
class FellBehind:
    """Pictures were left out, or the clock waited: drawing, or the program that takes the frames, was too slow."""

    late_ms: float
    """How late the frames were."""
    pictures_skipped: int
    """Since the last such event."""


AvatarEvent: TypeAlias = PlaybackEvent | FellBehind


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A picture; it is shown while the sound of the same `time_s` is heard."""

    time_s: float
    """On the avatar's media clock, which begins with the first frame."""
    rgb: U8
    """(height, width, 3), RGB; not to be written into."""
    rgba: U8 | None = None
    """(height, width, 4), RGBA premultiplied: over another picture it is rgb + (1 - alpha / 255) * below. Only where
    the avatar was opened with a transparent background, which is black in `rgb`; else None. Not to be written into."""

    def to_av(self) -> av.VideoFrame:
        """Return the picture as PyAV's, with its time."""
        frame = av.VideoFrame.from_ndarray(self.rgb, format="rgb24")
        frame.pts, frame.time_base = video_ticks(self.time_s), VIDEO_TIME_BASE
        return frame


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """The sound of one picture's time: speech, silence, or one after the other."""

    time_s: float
    """Of the first sample, on the avatar's media clock: frames follow on each other without gaps."""
    samples: I16
    """(n,), one channel."""
    sample_rate: int
    spoken: int
    """How many of the samples, from the first on, are speech; the rest is silence."""
    events: tuple[AvatarEvent, ...] = ()
    """What has happened since the last frame of sound, in its order."""

    def to_av(self) -> av.AudioFrame:
        """Return the sound as PyAV's, with its time."""
        frame = av.AudioFrame.from_ndarray(self.samples[None], format="s16", layout="mono")
        frame.sample_rate = self.sample_rate
        frame.pts, frame.time_base = round(self.time_s * self.sample_rate), Fraction(1, self.sample_rate)
        return frame


Frame: TypeAlias = VideoFrame | AudioFrame
