"""A call that is late gets simpler in all its parts, under a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from avatar.call.quality import CallQuality, picture_at
from avatar.config import PictureSettings, TransportSettings
from avatar.errors import ModelError
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.session.protocol import SessionStats
from avatar.stream.page_reports import CameraMessage
from avatar.stream.peer import LineStats
from avatar.stream.video_track import SentPicture
from avatar.timing.machine_load import MachineLoad
from avatar.timing.quality_ladder import LADDER
from avatar.types import CaptureStamp, Picture

I420 = np.zeros((96, 48), np.uint8)


@dataclass
class Pipeline:
    """Keeps the pictures it is asked for."""

    asked: list[tuple[PictureSettings, int]] = field(default_factory=list)
    fails: bool = False

    def set_picture(self, picture: PictureSettings, look_every: int) -> None:
        if self.fails:
            raise ModelError("No such tier.")
        self.asked.append((picture, look_every))

    def stats(self) -> SessionStats:
        return SessionStats(30.0, {"perceive": 8.0, "generate": 6.0}, 0, "tracked")


@dataclass
class Line:
    """A peer's end of the line."""

    line: LineStats = field(default_factory=lambda: LineStats(2_000_000, 0.0, 0.02))
    limits_bps: list[int] = field(default_factory=list)
    camera_frames_waiting: int = 0

    def limit_bitrate(self, most_bps: int) -> None:
        self.limits_bps.append(most_bps)


class Page:
    """Keeps what the call says."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: Any) -> None:
        self.messages.append(message)

    async def in_pool(self, work: Callable[[], Any]) -> Any:
        return work()


class Load:
    def read(self) -> MachineLoad | None:
        return MachineLoad(1.0, 0.0, 1.5)


@dataclass
class Participant:
    drive: str = "camera"


class Call:
    """A call's quality and everything around it; each step is one picture of a 30 fps camera."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **transport: int) -> None:
        self.now_s = 100.0
        self.session, self.peer, self.page, self.participant = Pipeline(), Line(), Page(), Participant()
        self.quality = CallQuality(
            self.peer,  # type: ignore[arg-type]
            PictureSettings(512, 512, 30, "lite"),
            TransportSettings(**transport),
            Load(),  # type: ignore[arg-type]
            clock=lambda: self.now_s,
        )
        self._every = 0
        self._latency_s = 0.03
        self._drawn_every = 1
        monkeypatch.setattr("avatar.call.quality.asyncio.sleep", self._sleep)
        self._end_s = 0.0

    def during(self, seconds: float, latency_s: float, drawn_every: int = 1) -> None:
        """Let the call go on for a while, with pictures so late and so few."""
        self._latency_s, self._drawn_every, self._end_s = latency_s, drawn_every, self.now_s + seconds
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(self.quality.run(self.session, self.participant, self.page))  # type: ignore[arg-type]

    async def _sleep(self, seconds: float) -> None:
        if self.now_s >= self._end_s:
            raise asyncio.CancelledError
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9:
            self.now_s += 1 / 30
            self._every += 1
            self.quality.camera_frame(self.now_s, 0)
            if self._every % self._drawn_every == 0:
                capture = CaptureStamp(self.now_s - self._latency_s, 0)
                self.quality.picture_sent(SentPicture(Picture(0.0, I420, capture), 0, 0.002, 900, False, self.now_s))


def test_a_call_in_time_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    call.during(30, 0.04)
    assert call.session.asked == [] and call.page.messages == [] and call.quality.figure.level == 0
    call.quality.on_channel_open(call.page)  # type: ignore[arg-type]
    assert call.page.messages == []


def test_a_late_call_gets_simpler_in_all_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    call.during(10, 0.04)
    call.during(1.2, 0.16, drawn_every=2)
    figure = call.quality.figure
    level = LADDER[figure.level]
    assert figure.level >= 2 and figure.why == "cpu"
    ((picture, look_every),) = call.session.asked
    assert (picture.tier, look_every) == ("geometry", level.look_every)
    assert picture.width == picture.height == 512 * level.picture_scale
    assert call.peer.limits_bps == [level.most_bps]
    camera = level.camera
    assert call.page.messages == [CameraMessage(camera.width, camera.height, camera.fps, camera.max_bitrate_bps)]
    call.quality.on_channel_open(call.page)  # type: ignore[arg-type]
    assert len(call.page.messages) == 2, "a page whose channel has opened since is told"


def test_what_the_voice_is_waited_for_does_not_count_as_late(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    call.participant.drive = "both"
    call.during(20, LOOK_AHEAD_S + 0.04)
    assert call.quality.figure.level == 0


def test_a_call_that_has_not_begun_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    call.during(20, 0.04, drawn_every=10_000)
    assert call.quality.figure.level == 0


def test_a_narrow_line_makes_pictures_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    call.peer.line = LineStats(250_000, 0.0, 0.02)
    call.during(10, 0.04)
    assert call.quality.figure.why == "network" and call.session.asked[-1][0].width < 512


def test_who_allows_few_bits_gets_the_size_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch, max_bitrate_bps=300_000)
    call.peer.line = LineStats(250_000, 0.0, 0.02)
    call.during(10, 0.04)
    assert call.quality.figure.level == 0


def test_a_picture_that_cannot_be_changed_ends_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    call.session.fails = True
    call.during(15, 0.2)
    assert call.quality.figure.level > 0


@pytest.mark.parametrize(
    ("asked", "sides"),
    [
        ((512, 512), [(512, 512), (512, 512), (384, 384), *[(256, 256)] * 3]),
        ((1280, 720), [(1280, 720), (1280, 720), (960, 540), *[(640, 360)] * 3]),
        ((160, 200), [(160, 200), (160, 200), *[(128, 160)] * 4]),
        ((128, 128), [(128, 128)] * 6),
    ],
)
def test_pictures_keep_their_shape_and_never_fall_below_what_can_be_sent(
    asked: tuple[int, int], sides: list[tuple[int, int]]
) -> None:
    pictures = [picture_at(level, PictureSettings(*asked, 30)) for level in LADDER]
    assert [(picture.width, picture.height) for picture in pictures] == sides
    assert [picture.fps for picture in pictures] == [30, 30, 30, 30, 25, 20]
