"""The interface between a call and its pipeline: what a session takes, its events, and its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import av

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError, CueError
from avatar.generator.identity import Identity
from avatar.motion.cues import Cue
from avatar.motion.presence import PresenceKind
from avatar.types import CaptureStamp, Drive, Picture

FaceSight: TypeAlias = Literal["none", "tracked", "held", "lost"]
"""What the camera shows: no face yet, one, one lost for a moment, or none any more."""


@dataclass(frozen=True, slots=True)
class FaceFound:
    """The camera sees a face (again)."""


@dataclass(frozen=True, slots=True)
class FaceLost:
    """The camera has seen no face for longer than a moment, or none since it began."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The driver's resting face is settled."""


@dataclass(frozen=True, slots=True)
class TierLowered:
    """The GPU's memory is full: a smaller tier draws from now on."""

    tier: str
    why: str
    """In words, for the user."""


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """A stage has failed for good; the session has to be stopped."""

    message: str


SessionEvent = FaceFound | FaceLost | Calibrated | TierLowered | SessionFailed


@dataclass(frozen=True, slots=True)
class SessionStats:
    """How the pipeline does, over about the last second."""

    camera_fps: float
    stage_ms: dict[str, float]
    """Median milliseconds of each stage."""
    dropped: int
    """Camera frames and faces replaced by newer ones, and frames not fit to look at, since the start."""
    face: FaceSight
    camera_age_s: float | None = None
    """Median time from a camera frame's coming until a stage took it."""


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A decoded camera frame and when it was captured."""

    frame: av.VideoFrame
    capture: CaptureStamp


class LiveSession(Protocol):
    """What a call asks of its pipeline (`avatar.session.live.Session` is one). Callbacks come from its threads."""

    def start(self) -> None:
        """Start the threads. May block."""

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        """Take a camera picture. Never blocks."""

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Take sound that moves the mouth and came at `received_s` (time.monotonic()). Never blocks.

        It is the driver's or, in a conversation, the avatar's own.
        """

    def calibrate(self) -> None:
        """Take the resting face anew. Never blocks."""

    def set_drive(self, drive: Drive) -> None:
        """Let camera, voice, both or a conversation move the avatar from now on. Never blocks."""

    def set_presence(self, presence: PresenceKind) -> None:
        """Listen, think or speak in a conversation. Never blocks."""

    def direct(self, cue: Cue) -> None:
        """Follow a cue, such as a feeling or a gesture. Never blocks. Raises CueError: there is no face that could."""

    def set_identity(self, identity: Identity) -> None:
        """Show another avatar. May block."""

    def set_picture(self, picture: PictureSettings, look_every: int) -> None:
        """Draw pictures of this size, tier and rate, and look at every so many camera frames. May block.

        What is behind the avatar stays.
        """

    def set_background(self, background: Background) -> None:
        """Put something else behind the avatar. May block; raises AvatarError where it cannot."""

    def set_watched(self, watched: bool) -> None:
        """Draw pictures, as from the start, or none while nobody can see them. Never blocks."""

    def stats(self) -> SessionStats:
        """Say how the pipeline does."""
        ...

    def stop(self) -> None:
        """End the threads. May block; may be called more than once, or without `start`."""


class UndrivenSession:
    """Base of a session that neither camera, voice nor page drives: each of these methods does nothing."""

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        """Do nothing."""

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Do nothing."""

    def calibrate(self) -> None:
        """Do nothing."""

    def set_drive(self, drive: Drive) -> None:
        """Do nothing."""

    def set_presence(self, presence: PresenceKind) -> None:
        """Do nothing."""

    def direct(self, cue: Cue) -> None:
        """Refuse: whoever gives a cue waits for something to be seen."""
        del cue
        raise CueError("This call shows no avatar that follows cues.", code="no_avatar")

    def set_identity(self, identity: Identity) -> None:
        """Do nothing."""

    def set_picture(self, picture: PictureSettings, look_every: int) -> None:
        """Do nothing."""

    def set_background(self, background: Background) -> None:
        """Refuse, as `direct` does."""
        del background
        raise AvatarError("This call shows no avatar that anything could be behind.", code="no_avatar")

    def set_watched(self, watched: bool) -> None:
        """Do nothing."""


class MakeSession(Protocol):
    """Makes a session that is not started yet. May block; raises AvatarError."""

    def __call__(
        self,
        identity: Identity | None,
        picture: PictureSettings,
        *,
        drive: Drive,
        on_picture: Callable[[Picture], None],
        on_event: Callable[[SessionEvent], None],
    ) -> LiveSession:
        """Return the session; `identity` is None in a call that shows no avatar, `drive` moves it from the start."""
        ...
