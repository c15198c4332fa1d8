"""The perceive stage of a session: which camera frames are looked at, and what they show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from avatar.errors import FrameError
from avatar.generator.protocol import Generator
from avatar.media.frame_pixels import camera_pixels
from avatar.motion.attention import UserSeen, user_seen
from avatar.perception.tracker import FaceTracker
from avatar.session.face_watch import FaceWatch, watch_face
from avatar.session.protocol import CameraFrame, FaceFound, FaceLost, FaceSight
from avatar.timing import pacing
from avatar.timing.concurrency_limit import picture_work
from avatar.timing.meters import StageMeter
from avatar.types import F32, CaptureStamp, Drive, FaceState

LOOK_EVERY_S: Final = 0.2
"""How often the user is looked at while they talk with the avatar: enough to turn to them."""

Look: TypeAlias = Literal["skip", "expect", "look"]
"""What is done with a camera frame: nothing, guess how the face has moved on, or look for the face."""


@dataclass(frozen=True, slots=True)
class LookSchedule:
    """Which frames were looked at so far. Start with `LookSchedule()`."""

    taken_s: float = float("-inf")
    """When the last frame arrived that could have been looked at."""
    due_s: float | None = None
    """When the next one is due where the camera sends more than are wanted."""
    expected: int = 0
    """Frames since the last look in which the face was expected to move on."""


def next_look(
    schedule: LookSchedule, arrival_s: float, drive: Drive, *, camera_fps: int, fps: int, look_every: int
) -> tuple[LookSchedule, Look]:
    """Return what to do with a camera frame that arrived at `arrival_s`.

    Args:
        schedule: the frames before it.
        arrival_s: of the frame, on any clock.
        drive: what moves the avatar.
        camera_fps: frames a second that a camera may drive at most without any being left out.
        fps: how many are wanted; less than `camera_fps`: the others are left out.
        look_every: the face is looked for in every n-th of the rest.
    """
    talks = drive == "conversation"
    if drive == "voice" or (talks and arrival_s - schedule.taken_s < LOOK_EVERY_S):
        return schedule, "skip"
    schedule = replace(schedule, taken_s=arrival_s)
    if fps < camera_fps:
        following_s = pacing.next_due(arrival_s, schedule.due_s, fps)
        if following_s is None:
            return schedule, "skip"
        schedule = replace(schedule, due_s=following_s)
    if schedule.expected + 1 < look_every and not talks:
        return replace(schedule, expected=schedule.expected + 1), "expect"
    return replace(schedule, expected=0), "look"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one camera frame showed."""

    face: FaceState | None
    capture: CaptureStamp
    read: F32 | None = None
    """What the tier that draws reads from it by itself: `Generator.read_driver`."""


class FaceFollower:
    """Follows the face in one camera's frames. `follow` is for one thread; what it has found is read from any."""

    def __init__(
        self,
        tracker: FaceTracker,
        meter: StageMeter,
        on_news: Callable[[FaceFound | FaceLost], None],
        *,
        camera_fps: int,
        begin_s: float,
    ) -> None:
        """Begin without a face.

        Args:
            tracker: finds it.
            meter: is told how often frames come (`camera`), how long they `wait` and `perceive` takes.
            on_news: is told when a face is found or lost.
            camera_fps: frames a second of which none are left out.
            begin_s: when the session's clock began (time.monotonic()).
        """
        self._tracker, self._meter, self._on_news = tracker, meter, on_news
        self._camera_fps, self._begin_s = camera_fps, begin_s
        self._schedule, self._watch = LookSchedule(), FaceWatch()
        self._read: F32 | None = None
        self.user: UserSeen | None = None
        """Where the user was seen last while they talked with the avatar."""
        self.bad_frames = 0
        """Frames that could not be looked at."""

    @property
    def sight(self) -> FaceSight:
        """What the camera shows."""
        return self._watch.sight

    def follow(
        self, arrived: CameraFrame, drive: Drive, *, fps: int, look_every: int, generator: Generator
    ) -> Sighting | None:
        """Return what a frame shows that moves the avatar; None: it shows nothing new, or does not move it.

        Args:
            arrived: the frame.
            drive: what moves the avatar.
            fps, look_every: as for `next_look`.
            generator: draws the avatar, and may read more from the driver's picture.
        """
        capture, taken_s = arrived.capture, time.monotonic()
        self._meter.tick("camera", taken_s)
        self._meter.add("wait", max(taken_s - capture.arrival_s, 0.0))
        self._schedule, look = next_look(
            self._schedule, capture.arrival_s, drive, camera_fps=self._camera_fps, fps=fps, look_every=look_every
        )
        time_s = capture.arrival_s - self._begin_s
        if look == "skip":
            return None
        if look == "expect":
            return Sighting(self._tracker.expect(time_s), capture, self._read)
        talks = drive == "conversation"
        try:
            with picture_work().held(), self._meter.time("perceive"):
                pixels = camera_pixels(arrived.frame)
                face = self._tracker.track(pixels, time_s)
                seen = face if face is not None and not face.held else None
                if seen is not None and not talks:
                    self._read = generator.read_driver(pixels, seen)
        except FrameError:
            self.bad_frames += 1
            return None
        if talks:
            self.user = user_seen(seen, time_s) if seen is not None else self.user
            return None
        self._watch, news = watch_face(self._watch, face, capture.arrival_s)
        if news is not None:
            self._on_news(news)
        return Sighting(face, capture, self._read)
