"""A call that fits its machine: what is observed of it, a few times a second, and what follows for all its parts.

`timing.quality_control` decides; here its observations are collected, and its steps are taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from avatar.call.participant import CallHost, Participant
from avatar.config import SHORT_SIDE_MIN, PictureSettings, TransportSettings
from avatar.errors import AvatarError
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.session.protocol import LiveSession
from avatar.stream.page_reports import CameraMessage, Quality
from avatar.stream.peer import Peer
from avatar.stream.video_track import SentPicture
from avatar.timing.machine_load import LoadMeter
from avatar.timing.quality_control import BITRATE_ROOM, Observation, QualityState, is_exhausted, next_quality
from avatar.timing.quality_ladder import LADDER, QualityLevel

logger = logging.getLogger(__name__)

EVERY_S: Final = 0.2
"""How often a call is looked at: a step down takes less than a second, of which `quality_control.SHORT_S` is waited."""
WINDOW_S: Final = 1.0
"""What counts as now, for rates."""
LATENCY_WINDOW_S: Final = 0.6
"""And for latency: its median tells of a shortage once half of that has passed."""
MOST_KEPT: Final = 256
"""Pictures and camera frames that are remembered: more than a second has."""


@dataclass(frozen=True, slots=True)
class _Sent:
    at_s: float
    latency_s: float | None
    encode_s: float
    age_s: float


class CallQuality:
    """Keeps one call in time. Used on the event loop only."""

    def __init__(
        self,
        peer: Peer,
        picture: PictureSettings,
        transport: TransportSettings,
        load: LoadMeter,
        *,
        count_calls: Callable[[], int] = lambda: 1,
        shared_level: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is changed before `run`.

        Args:
            peer: whose bit rate is limited.
            picture: what the call asked for.
            transport: how many bits the pictures may take at all.
            load: of the machine; shared by all calls.
            count_calls: returns how many of them run.
            shared_level: returns the level that all of them are asked to be at, at least.
            clock: seconds, as time.monotonic().
        """
        self._peer, self._picture, self._load, self._clock = peer, picture, load, clock
        self._count_calls, self._shared_level = count_calls, shared_level
        # Who allows a call so little wants large pictures all the same.
        self._follows_line = transport.max_bitrate_bps >= BITRATE_ROOM * LADDER[0].least_bps
        self._state: QualityState | None = None
        self._camera_s: deque[float] = deque(maxlen=MOST_KEPT)
        self._sent: deque[_Sent] = deque(maxlen=MOST_KEPT)

    @property
    def figure(self) -> Quality:
        """Where the call stands."""
        return Quality(0, "") if self._state is None else Quality(self._state.level, self._state.why)

    @property
    def exhausted(self) -> bool:
        """Whether nothing that can be left out would make the call come in time."""
        return self._state is not None and is_exhausted(self._state, self._clock())

    @property
    def in_time(self) -> bool:
        """Whether the call lacks nothing as it is now."""
        return self._state is not None and self._state.short_since_s is None

    def camera_frame(self, arrival_s: float, skipped: int) -> None:
        """Note a camera frame, and those that were passed over before it."""
        self._camera_s.extend([arrival_s] * (skipped + 1))

    def picture_sent(self, sent: SentPicture) -> None:
        """Note a picture."""
        capture = sent.picture.capture
        latency_s = None if capture is None else sent.sent_s - capture.arrival_s
        self._sent.append(_Sent(sent.sent_s, latency_s, sent.encode_s, sent.age_s))

    def on_channel_open(self, host: CallHost) -> None:
        """Tell a page that could not be told before."""
        if self.figure.level:
            self._tell(host)

    async def run(self, session: LiveSession, participant: Participant, host: CallHost) -> None:
        """Look at the call and change what it needs, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            now_s = self._clock()
            load = self._load.read()
            if not self._sent:
                continue
            if self._state is None:
                self._state = QualityState(changed_s=now_s)
            seen = self.observe(session, participant, now_s)
            if load is not None:
                seen = replace(
                    seen, own_cores=load.own_cores, spare_cores=load.spare_cores, other_cores=load.other_cores
                )
            before, self._state = self._state, next_quality(self._state, seen, now_s)
            if self._state.level == before.level:
                continue
            level = LADDER[self._state.level]
            self._peer.limit_bitrate(level.most_bps)
            self._tell(host)
            try:
                await host.in_pool(self._apply(session, level))
            except AvatarError as error:
                logger.warning("a call's picture stays as it is: %s", error)

    def observe(self, session: LiveSession, participant: Participant, now_s: float) -> Observation:
        """Return what is known of the call at `now_s`, but for the machine's load."""
        level = LADDER[self.figure.level]
        sent = [picture for picture in self._sent if now_s - picture.at_s <= WINDOW_S]
        lately = [picture for picture in sent if now_s - picture.at_s <= LATENCY_WINDOW_S]
        latencies = [picture.latency_s for picture in lately if picture.latency_s is not None]
        # Of the camera's frames one may still be on its way, whatever the machine.
        frames = sum(0 <= now_s - at_s <= WINDOW_S for at_s in self._camera_s) - 1
        fps = picture_at(level, self._picture).fps
        driven = participant.drive in ("camera", "both") and frames > 0
        wanted = min(frames, fps - 1) if driven else fps - 1
        waited_s = LOOK_AHEAD_S if participant.drive == "both" else 0.0
        line, stats = self._peer.line, session.stats()
        return Observation(
            wanted_fps=wanted / WINDOW_S,
            sent_fps=len(sent) / WINDOW_S,
            latency_s=max(median(latencies) - waited_s, 0.0) if latencies else None,
            busy_share=_busy_share(stats.stage_ms, [picture.encode_s for picture in sent], fps, level),
            camera_age_s=stats.camera_age_s if driven else None,
            picture_age_s=median(picture.age_s for picture in lately) if lately else None,
            frames_waiting=self._peer.camera_frames_waiting,
            target_bps=line.target_bps if self._follows_line else None,
            loss=line.loss,
            round_trip_s=line.round_trip_s,
            calls=self._count_calls(),
            shared_level=self._shared_level(),
        )

    def _apply(self, session: LiveSession, level: QualityLevel) -> Callable[[], None]:
        picture = picture_at(level, self._picture)
        return lambda: session.set_picture(picture, level.look_every)

    def _tell(self, host: CallHost) -> None:
        camera = LADDER[self.figure.level].camera
        host.send(CameraMessage(camera.width, camera.height, camera.fps, camera.max_bitrate_bps))


def picture_at(level: QualityLevel, asked: PictureSettings) -> PictureSettings:
    """Return the picture of a call that asked for `asked`: its shape is kept, and no side falls below the shortest."""
    scale = min(max(level.picture_scale, SHORT_SIDE_MIN / min(asked.width, asked.height)), 1.0)
    width, height = (max(2 * round(side * scale / 2), SHORT_SIDE_MIN) for side in (asked.width, asked.height))
    return replace(
        asked,
        width=width,
        height=height,
        fps=max(round(asked.fps * level.fps_share), 1),
        tier="geometry" if level.plain else asked.tier,
    )


def _busy_share(stage_ms: dict[str, float], encodes_s: list[float], fps: float, level: QualityLevel) -> float:
    """Return the share of its time that the busiest of the call's threads works."""
    follow_s = stage_ms.get("perceive", 0.0) / 1e3 / level.look_every
    draw_s = (stage_ms.get("speech", 0.0) + stage_ms.get("generate", 0.0)) / 1e3
    encode_s = median(encodes_s) if encodes_s else 0.0
    return max(follow_s, draw_s, encode_s) * fps
