"""Pictures reach the device newest first and at its pace; sound is heard when its picture is seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import av
import numpy as np
import pytest

from avatar.errors import DeviceError
from avatar.media.pcm import I16
from avatar.types import U8, CaptureStamp, Picture
from avatar.virtual_camera.picture_output import PictureOutput
from avatar.virtual_camera.sound_output import SoundOutput


def picture(level: int, *, late_s: float | None = None) -> Picture:
    i420 = np.full((6, 4), level, np.uint8)
    capture = None if late_s is None else CaptureStamp(time.monotonic() - late_s, 0)
    return Picture(0.0, i420, capture, None if capture is None else capture.arrival_s)


class Sink:
    """Keeps what was sent, and may take its time or fail."""

    def __init__(self, act: Callable[[int], None] = lambda _: None) -> None:
        self.levels: list[int] = []
        self.sent = threading.Condition()
        self._act = act

    def send(self, i420: U8) -> None:
        self._act(int(i420[0, 0]))
        with self.sent:
            self.levels.append(int(i420[0, 0]))
            self.sent.notify_all()

    def wait_for(self, condition: Callable[[list[int]], bool]) -> None:
        with self.sent:
            assert self.sent.wait_for(lambda: condition(self.levels), 20), self.levels


def output(sink: Sink, fps: int = 30, failures: list[str] | None = None) -> PictureOutput:
    failed = failures if failures is not None else []
    return PictureOutput(sink, fps, on_sent=lambda *_: None, on_failure=failed.append)


def test_the_newest_picture_wins_while_the_device_is_slow() -> None:
    busy = threading.Event()

    def wait_once(level: int) -> None:
        if level == 1:
            assert busy.wait(20)

    sink = Sink(wait_once)
    sending = output(sink, fps=60)
    sending.start()
    sending.show(picture(1))
    time.sleep(0.1)
    for level in (2, 3, 4):
        sending.show(picture(level))
    busy.set()
    sink.wait_for(lambda levels: 4 in levels)
    sending.stop()
    assert 2 not in sink.levels and 3 not in sink.levels
    assert sending.figures().dropped >= 2


def test_without_a_new_picture_the_last_one_is_sent_again() -> None:
    sink = Sink()
    sending = output(sink)
    sending.start()
    sending.show(picture(7))
    sink.wait_for(lambda levels: levels.count(7) >= 4)
    sending.stop()
    assert sending.figures().sent == 1 and sending.figures().repeated >= 3
    assert sending.last is not None


def test_a_camera_that_is_quicker_than_the_device_loses_pictures_and_no_time() -> None:
    sink, shown = Sink(), 60
    sending = output(sink, fps=20)
    sending.start()
    for level in range(shown):
        sending.show(picture(level, late_s=0.02))
        time.sleep(1 / 60)
    sending.stop()
    assert sending.figures().sent < 0.7 * shown
    latency_ms = sending.figures().latency_ms
    assert latency_ms is not None and latency_ms >= 20


def test_a_device_that_goes_away_is_told_with_its_reason() -> None:
    def gone(_: int) -> None:
        raise DeviceError("It has gone.")

    failures: list[str] = []
    sending = output(Sink(gone), failures=failures)
    sending.start()
    sending.show(picture(1))
    end_s = time.monotonic() + 20
    while not failures and time.monotonic() < end_s:
        time.sleep(0.01)
    sending.stop()
    assert failures == ["It has gone."]


class Ear:
    """Keeps what was heard and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, I16]] = []
        self.closed = False

    def write(self, samples: I16) -> None:
        self.heard.append((time.monotonic(), samples))

    def close(self) -> None:
        self.closed = True


def block(level: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.full((1, 960), level, np.int16), format="s16", layout="mono")
    frame.sample_rate = 48_000
    return frame


def test_sound_is_held_until_its_picture_has_left() -> None:
    ear = Ear()
    sound = SoundOutput(ear, pytest.fail)
    shown = picture(1, late_s=0.0)
    assert shown.sound_s is not None
    sound.picture_sent(shown, shown.sound_s + 0.2)
    sound.start()
    came_s = time.monotonic()
    sound.push(block(9), came_s)
    end_s = came_s + 20
    while not ear.heard and time.monotonic() < end_s:
        time.sleep(0.005)
    sound.stop()
    assert ear.heard[0][0] - came_s >= 0.15, "0.2 s less the 20 ms that its first sample is older"
    assert abs(int(ear.heard[0][1].mean()) - 9) <= 1
    assert ear.closed


def test_sound_of_a_form_that_nobody_knows_is_left_out() -> None:
    ear = Ear()
    sound = SoundOutput(ear, pytest.fail)
    odd = block(9)
    odd.sample_rate = 1
    sound.push(odd, time.monotonic())
    sound.start()
    sound.stop()
    assert not ear.heard
