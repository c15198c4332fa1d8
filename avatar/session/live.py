"""One call's pipeline: camera frames and sound in, finished pictures out, in two threads and on one media clock.

    push_camera -> [newest frame] -> perceive thread -> [newest face] -> render thread -> on_picture
    push_audio  -> [sound] ----------------------------------------------^

Nothing here knows of asyncio or the network. Queues are bounded and the newest wins; without a camera the render thread
keeps the avatar alive by itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import av

from avatar.config import Background, PictureSettings
from avatar.face.expression_basis import load_basis
from avatar.generator.adaptive import AdaptiveRenderer
from avatar.generator.identity import Identity
from avatar.motion.composer import CompositionState, Sources, Temperament, compose
from avatar.motion.cues import MOST_WAITING, Cue, check_cue
from avatar.motion.direction import Direction, follow_cue
from avatar.motion.presence import PresenceKind
from avatar.motion.retarget import Retargeter
from avatar.motion.speech import LOOK_AHEAD_S, SpeechMotion
from avatar.motion.voice_motion import VoiceMotion
from avatar.perception.tracker import FaceTracker
from avatar.session.face_follower import FaceFollower, Sighting
from avatar.session.protocol import Calibrated, CameraFrame, SessionEvent, SessionFailed, SessionStats
from avatar.timing import av_sync, pacing
from avatar.timing.concurrency_limit import picture_work
from avatar.timing.delay_line import DelayLine
from avatar.timing.latest_slot import LatestSlot
from avatar.timing.meters import StageMeter
from avatar.timing.stage_thread import StageThread
from avatar.types import F32, CaptureStamp, Drive, FaceState, Motion, Picture

OpenRenderer: TypeAlias = Callable[[Identity, PictureSettings], AdaptiveRenderer]

UNSEEN: Final[tuple[Drive, ...]] = ("voice", "conversation")
"""What moves the avatar without the camera."""
MOST_COMING: Final = 32
"""Camera frames that may wait for their sound: a third of a second at most is asked for."""
LATELY: Final = 15
"""Camera frames whose age counts as the present one: half a second's."""
MOST_SOUNDS: Final = 256
"""Pieces of sound that may wait to be heard: five seconds of 20 ms each."""


@dataclass(frozen=True, slots=True)
class _CameraMotion:
    """What one camera frame showed, and how it moves the avatar."""

    seen: Sighting
    motion: Motion | None


class Session:
    """Drives one avatar. `start` and `stop` once each; every other method from any thread."""

    def __init__(
        self,
        renderer: AdaptiveRenderer,
        open_renderer: OpenRenderer,
        tracker: FaceTracker,
        speech: SpeechMotion,
        *,
        picture: PictureSettings,
        on_picture: Callable[[Picture], None],
        on_event: Callable[[SessionEvent], None],
        drive: Drive = "camera",
    ) -> None:
        """Prepare the pipeline of these parts, which `open_session` opens.

        Args:
            renderer: draws the avatar.
            open_renderer: opens what draws another one, or differently; blocks for a moment, raises ModelError.
            tracker: finds the driver's face; the session's from now on, which closes it.
            speech: moves the mouth to sound.
            picture: what `renderer` draws, and how often while no camera sets the pace.
            on_picture: is told each finished picture, in the session's own threads.
            on_event: is told what happens, there too.
            drive: what moves the avatar to begin with.
        """
        self._picture, self._look_every = picture, 1
        self._on_picture, self._on_event = on_picture, on_event
        self._renderer, self._open_renderer = renderer, open_renderer
        self._opening = threading.Lock()
        self._tracker = tracker
        self._retargeter = Retargeter(load_basis())
        self._temperament = Temperament()
        self._camera: LatestSlot[CameraFrame] = LatestSlot()
        self._seen: LatestSlot[Sighting] = LatestSlot()
        self._recalibrate = threading.Event()
        self._meter = StageMeter()
        self._drive: Drive = drive
        self._presence: PresenceKind = "idle"
        self._watched = True
        self._speech = speech
        self._sounds: deque[tuple[av.AudioFrame, float]] = deque(maxlen=MOST_SOUNDS)
        self._cues: deque[Cue] = deque(maxlen=MOST_WAITING)
        self._stopped = False
        self._begin_s = time.monotonic()
        self._follower = FaceFollower(tracker, self._meter, on_event, camera_fps=picture.fps, begin_s=self._begin_s)
        self._threads = [
            StageThread(name, stage, self._fail)
            for name, stage in (("perceive", self._perceive), ("render", self._render))
        ]

    def start(self) -> None:
        """Start the stage threads; the avatar moves from now on."""
        for thread in self._threads:
            thread.start()

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        """Offer a decoded camera frame; never blocks, the newest wins."""
        self._camera.put(CameraFrame(frame, capture))

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Offer decoded sound that arrived at `received_s` (time.monotonic()); never blocks, the newest counts."""
        if self._drive != "camera":
            # It arrives once its last sample is there.
            self._sounds.append((frame, received_s - frame.samples / frame.sample_rate - self._begin_s))

    def calibrate(self) -> None:
        """Take the driver's resting face anew from the next second."""
        self._recalibrate.set()

    def set_drive(self, drive: Drive) -> None:
        """Let camera, voice, both or a conversation move the avatar from the next picture on; never blocks."""
        self._drive = drive

    def set_presence(self, presence: PresenceKind) -> None:
        """Listen, think or speak from the next picture on, while a conversation moves the avatar; never blocks."""
        self._presence = presence

    def direct(self, cue: Cue) -> None:
        """Follow a cue from the next picture on, whatever moves the avatar; never blocks. Raises CueError.

        In a conversation the avatar listens and thinks by itself: `Attend` takes effect after it.
        """
        check_cue(cue)
        self._cues.append(cue)

    def set_watched(self, watched: bool) -> None:
        """Draw pictures from the next one on, or none: the face is followed and the voice heard all the same."""
        self._watched = watched

    def set_identity(self, identity: Identity) -> None:
        """Show another avatar from the next picture on. Takes about a tenth of a second in the caller's thread."""
        with self._opening:
            self._renderer = self._open_renderer(identity, self._picture)

    def set_picture(self, picture: PictureSettings, look_every: int) -> None:
        """Draw pictures of this size, tier and rate from the next one on; look at every n-th camera frame.

        What is behind the avatar stays: that is for `set_background` to change.

        Pictures go on meanwhile: what draws the new ones is opened in the caller's thread, in about a tenth of a
        second. A camera that sends more often than `picture.fps` drives no more pictures than that, where that is less
        than at the start. Raises ModelError, ImageError: all is left as it is.
        """
        with self._opening:
            was = self._picture
            picture = replace(picture, background=was.background)
            drawn, before = ((one.width, one.height, one.tier) for one in (picture, was))
            if drawn != before:
                self._renderer = self._open_renderer(self._renderer.generator.identity, picture)
            self._picture, self._look_every = picture, look_every
            self._meter.forget_durations()

    def set_background(self, background: Background) -> None:
        """Put this behind the avatar from the next picture on; pictures go on meanwhile, as with `set_picture`.

        Raises ModelError, ImageError: all is left as it is.
        """
        with self._opening:
            picture = replace(self._picture, background=background)
            if picture != self._picture:
                self._renderer = self._open_renderer(self._renderer.generator.identity, picture)
                self._picture = picture

    def stats(self) -> SessionStats:
        """Return how the pipeline does."""
        return SessionStats(
            camera_fps=self._meter.rate("camera", time.monotonic()),
            stage_ms=self._meter.medians_ms(("perceive", "speech", "generate")),
            dropped=self._camera.dropped + self._seen.dropped + self._follower.bad_frames,
            face=self._follower.sight,
            camera_age_s=self._meter.median_s("wait", LATELY),
        )

    def stop(self) -> None:
        """End the threads and free the tracker. May be called again; not from the session's own callbacks."""
        if self._stopped:
            return
        self._stopped = True
        self._camera.close()
        self._seen.close()
        for thread in self._threads:
            thread.join()
        self._tracker.close()

    def _fail(self, message: str) -> None:
        """End every stage, since one has failed, and tell why."""
        self._camera.close()
        self._seen.close()
        if not self._stopped:
            self._on_event(SessionFailed(message))

    def _perceive(self) -> None:
        while not self._camera.closed:
            arrived = self._camera.take()
            if arrived is None:
                continue
            sighting = self._follower.follow(
                arrived,
                self._drive,
                fps=self._picture.fps,
                look_every=self._look_every,
                generator=self._renderer.generator,
            )
            if sighting is not None:
                self._seen.put(sighting)

    def _render(self) -> None:
        state, direction = CompositionState(), Direction()
        shown: _CameraMotion | None = None
        coming: DelayLine[_CameraMotion] = DelayLine(MOST_COMING)
        last_camera_s: float | None = None
        last_picture_s: float | None = None
        media_s = 0.0
        while not self._seen.closed:
            fps = self._picture.fps
            upcoming = pacing.next_picture(time.monotonic(), last_camera_s, last_picture_s, fps)
            seen = self._seen.take(upcoming.wait_s)
            now_s = time.monotonic()
            if seen is None and not pacing.next_picture(now_s, last_camera_s, last_picture_s, fps).idle:
                continue
            if self._seen.closed:
                return
            drive = self._drive
            last_picture_s = now_s
            if seen is not None and drive not in UNSEEN:
                last_camera_s = now_s
                camera_motion = self._retarget(seen.face, seen.read) if seen.face is not None else None
                coming.put(seen.capture.arrival_s, _CameraMotion(seen, camera_motion))
            camera_s = seen.capture.arrival_s if seen is not None else None
            at_s = av_sync.shown_moment_s(drive, now_s, camera_s, LOOK_AHEAD_S)
            if drive in UNSEEN or not pacing.camera_holds(now_s, last_camera_s):
                shown = None
                coming.clear()
            due = coming.take(at_s)
            shown = due or shown
            taken_s = due.seen.capture.arrival_s if due is not None else at_s
            media_s = max(media_s, taken_s - self._begin_s)
            voice = self._hear(media_s, state.mix.sees_mouth) if drive != "camera" else None
            while self._cues:
                direction = follow_cue(direction, self._cues.popleft(), media_s)
            talks = drive == "conversation"
            sources = Sources(
                temperament=self._temperament,
                face=shown.seen.face if shown is not None else None,
                camera=shown.motion if shown is not None else None,
                voice=voice,
                presence=self._presence if talks else None,
                direction=direction,
                user=self._follower.user if talks else None,
            )
            state, motion = compose(sources, state, media_s)
            if not self._watched:
                continue
            with picture_work().held(), self._meter.time("generate"):
                i420, matte = self._renderer.render_i420(motion)
            capture = due.seen.capture if due is not None else None
            sound_s = taken_s if due is not None or drive != "camera" else None
            self._on_picture(Picture(media_s, i420, capture, sound_s, matte))

    def _hear(self, media_s: float, sees_mouth: float) -> VoiceMotion:
        """Return what the voice does at a moment (`SpeechMotion.motion`), after all sound that has come was heard."""
        with self._meter.time("speech"):
            while self._sounds:
                frame, begin_s = self._sounds.popleft()
                self._speech.push(frame, begin_s)
            listening = self._watched and self._renderer.generator.needs_heard
            return self._speech.motion(media_s, listening=listening, sees_mouth=sees_mouth)

    def _retarget(self, face: FaceState, read: F32 | None) -> Motion:
        if self._recalibrate.is_set():
            self._recalibrate.clear()
            self._retargeter.recalibrate()
        settled = self._retargeter.calibrated
        motion = self._retargeter.motion(face, read)
        if self._retargeter.calibrated and not settled:
            self._on_event(Calibrated())
        return motion
