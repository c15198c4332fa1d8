"""Pictures and sound of a call under a clock of the test's own: counted, in step, and told of where they cannot be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import pytest

from avatar.call.limits import CallTimes
from avatar.call.media import CallMedia
from avatar.call.statistics import CallStatistics
from avatar.session.protocol import SessionStats
from avatar.stream.video_track import SentPicture
from avatar.types import CaptureStamp, Picture

I420 = np.zeros((96, 48), np.uint8)
SESSION = SessionStats(30.0, {}, dropped=0, face="tracked")


class Connection:
    """Keeps the sound it is given and the messages it can send."""

    def __init__(self) -> None:
        self.open = True
        self.camera_too_large: tuple[int, int] | None = None
        self.holds_s: list[float] = []
        self.messages: list[str] = []

    def send_audio(self, frame: av.AudioFrame, arrival_s: float, hold_s: float) -> None:
        self.holds_s.append(hold_s)

    def send(self, message: str) -> bool:
        self.messages += [message] if self.open else []
        return self.open


class Session:
    """Counts what it is given."""

    def __init__(self) -> None:
        self.camera: list[CaptureStamp] = []
        self.sounds = 0

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        self.camera.append(capture)

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        self.sounds += 1


class Visitor:
    """Sends the sound it hears back, as a page that drives by voice does."""

    media: CallMedia

    def on_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        self.media.send_audio(frame, arrival_s)

    def on_picture_sent(self, sent: SentPicture) -> None:
        """Does not mind."""


@dataclass
class Call:
    """A call's media, and everything around them."""

    peer: Any = field(default_factory=Connection)
    session: Any = field(default_factory=Session)
    visitor: Any = field(default_factory=Visitor)
    times: CallTimes = field(default_factory=lambda: CallTimes(created_s=0.0))
    statistics: CallStatistics = field(default_factory=lambda: CallStatistics((48, 64), 0.0))
    broadcast: Any = field(default_factory=Connection)
    now_s: float = 10.0

    def __post_init__(self) -> None:
        self.media = self.visitor.media = CallMedia(
            self.peer,
            self.statistics,
            self.times,
            broadcast=self.broadcast,
            echo=None,
            largest_camera=1920,
            clock=lambda: self.now_s,
        )

    def join(self) -> None:
        self.media.join(self.session, self.visitor)

    def show(self, arrival_s: float, sent_s: float, *, timed: bool = True) -> None:
        """Let a picture of a camera frame leave."""
        picture = Picture(0.0, I420, CaptureStamp(arrival_s, 0), arrival_s if timed else None)
        self.media.on_picture_sent(SentPicture(picture, 0, 0.001, 1000, False, sent_s))


def sound(milliseconds: int = 20) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 48 * milliseconds), np.int16), format="s16", layout="mono")
    frame.sample_rate = 48_000
    return frame


@pytest.mark.parametrize("milliseconds", [20, 60])
def test_sound_and_picture_of_one_moment_leave_together(milliseconds: int) -> None:
    call = Call()
    call.join()
    for index in range(90):
        at_s = index / 30
        call.show(at_s, at_s + 0.15)
        call.media.on_microphone(sound(milliseconds), at_s)
        call.media.on_audio_sent(sound(), call.peer.holds_s[-1])
    assert call.session.sounds == 90
    offset_ms = call.statistics.read(SESSION, 0, 3.0).av_offset_ms
    assert offset_ms is not None and abs(offset_ms) < 1


def test_a_picture_that_no_sound_belongs_to_makes_no_sound_wait() -> None:
    call = Call()
    call.join()
    call.show(1.0, 1.3, timed=False)
    call.media.on_microphone(sound(), 1.4)
    assert call.peer.holds_s == [0.0]
    assert call.statistics.read(SESSION, 0, 2.0).latency_ms == pytest.approx(300.0)


def test_what_comes_before_the_session_or_after_it_is_counted_and_goes_nowhere() -> None:
    call = Call()
    frame = av.VideoFrame(16, 16, "yuv420p")
    call.media.on_camera(frame, CaptureStamp(1.0, 0), 0)
    call.media.on_microphone(sound(), 1.0)
    call.join()
    call.media.on_camera(frame, CaptureStamp(2.0, 0), 3)
    call.media.leave()
    call.media.on_camera(frame, CaptureStamp(3.0, 0), 0)
    assert call.media.send_audio(sound(), 3.0) == 0
    assert [capture.arrival_s for capture in call.session.camera] == [2.0]
    assert call.session.sounds == 0 and call.peer.holds_s == []
    assert call.statistics.camera_frames == 3 and call.statistics.read(SESSION, 0, 4.0).dropped == 3
    assert call.times.last_media_s == 10.0, "it is not idle"


def test_a_camera_too_large_is_told_once_as_soon_as_that_is_possible_and_again_if_it_changes() -> None:
    call = Call()
    call.peer.open, call.peer.camera_too_large = False, (4000, 3000)
    for call.now_s in (11.0, 12.0):
        call.media.on_second()
    assert call.peer.messages == [] and call.times.last_media_s == 12.0, "it sends, in vain"
    call.peer.open = True
    for call.now_s in (13.0, 14.0):
        call.media.on_second()
    (message,) = call.peer.messages
    assert "camera_too_large" in message and "4000 x 3000" in message and "1920" in message
    call.peer.camera_too_large = None
    call.media.on_second()
    call.peer.camera_too_large = (4000, 3000)
    call.media.on_second()
    assert len(call.peer.messages) == 2
