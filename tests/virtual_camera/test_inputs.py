"""Cameras, microphones and clips: what they give, and what is said where they are missing."""

from __future__ import annotations

import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar.errors import DeviceError
from avatar.types import CaptureStamp
from avatar.virtual_camera import microphone_input
from avatar.virtual_camera.camera_input import CameraInput, CameraReader, find_camera
from avatar.virtual_camera.clip_input import ClipReader
from avatar.virtual_camera.microphone_input import MicrophoneReader

PATTERN = CameraInput("a pattern", "lavfi", "testsrc=size=64x48:rate=100")
"""FFmpeg's own test picture, opened as its inputs of devices are."""
CAMERAS = [CameraInput("Integrated Camera", "v4l2", "/dev/video0"), CameraInput("HD Webcam", "v4l2", "/dev/video2")]


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s, "what was waited for has not happened"
        time.sleep(0.01)


def test_a_camera_is_found_by_number_name_or_file() -> None:
    assert find_camera(None, CAMERAS) is CAMERAS[0]
    assert find_camera("1", CAMERAS) is CAMERAS[1]
    assert find_camera("webcam", CAMERAS) is CAMERAS[1]
    assert find_camera("/dev/video7", CAMERAS, "linux").address == "/dev/video7"


def test_a_camera_that_there_is_not_names_those_there_are() -> None:
    with pytest.raises(DeviceError, match=r"no camera 'phone'\. There are 0: Integrated Camera, 1: HD Webcam"):
        find_camera("phone", CAMERAS)
    with pytest.raises(DeviceError, match="No camera was found"):
        find_camera(None, [])


def test_each_picture_of_a_camera_comes_with_the_time_it_came() -> None:
    frames: list[tuple[av.VideoFrame, CaptureStamp]] = []
    reader = CameraReader(PATTERN, lambda frame, stamp: frames.append((frame, stamp)), lambda *_: None)
    begin_s = time.monotonic()
    reader.start()
    wait_for(lambda: len(frames) >= 5)
    reader.stop()
    assert {(frame.width, frame.height) for frame, _ in frames} == {(64, 48)}
    times = [stamp.arrival_s for _, stamp in frames]
    assert times == sorted(times) and begin_s <= times[0] <= time.monotonic()


def test_a_camera_that_is_unplugged_is_said_to_be_lost_and_read_again() -> None:
    states: list[tuple[str, str]] = []
    frames: list[Any] = []
    short = CameraInput("a pattern", "lavfi", "testsrc=size=64x48:rate=100:duration=0.05")
    reader = CameraReader(short, lambda *frame: frames.append(frame), lambda *state: states.append(state))
    reader.start()
    wait_for(lambda: [state for state, _ in states][:3] == ["working", "lost", "working"])
    reader.stop()
    assert states[1][1] == "The camera a pattern sends no more."


def test_a_camera_that_refuses_what_it_is_asked_for_is_opened_as_it_is() -> None:
    frames: list[Any] = []
    stubborn = CameraInput(PATTERN.name, PATTERN.format, PATTERN.address, {"graph_file": "/there/is/none"})
    reader = CameraReader(stubborn, lambda *frame: frames.append(frame), lambda *_: None)
    reader.start()
    wait_for(lambda: bool(frames))
    reader.stop()


def test_a_camera_that_cannot_be_opened_says_why() -> None:
    states: list[tuple[str, str]] = []
    reader = CameraReader(
        CameraInput("none", "v4l2", "/dev/there-is-none"), lambda *_: None, lambda *state: states.append(state)
    )
    reader.start()
    wait_for(lambda: bool(states))
    reader.stop()
    assert states[0][0] == "lost" and "unplugged, used by another program" in states[0][1]


def test_a_clip_plays_at_its_own_pace_over_and_over_with_its_sound_in_step(tmp_path: Path, media_files: Any) -> None:
    path = media_files.write_media(tmp_path / "clip.mkv", video="libx264", audio="aac", seconds=0.4)
    pictures: list[float] = []
    sounds: list[float] = []
    reader = ClipReader(
        path, lambda _, stamp: pictures.append(stamp.arrival_s), lambda _, at_s: sounds.append(at_s), lambda *_: None
    )
    reader.start()
    wait_for(lambda: len(pictures) >= 45)
    reader.stop()
    assert (pictures[40] - pictures[0]) > 0.7, "not faster than it would be, though the first may come late"
    assert len(sounds) > 10
    assert abs(sounds[0] - pictures[0]) < 0.2


def test_a_clip_without_pictures_is_a_voice(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.full(3200, 1000, np.int16).tobytes())
    heard: list[av.AudioFrame] = []
    reader = ClipReader(path, lambda *_: None, lambda frame, _: heard.append(frame), lambda *_: None)
    assert reader.has_sound and not reader.has_pictures
    reader.start()
    wait_for(lambda: len(heard) >= 15)
    reader.stop()
    assert {frame.samples for frame in heard} == {960}


class FakeSound:
    """sounddevice, with a microphone that says `blocks` and is then unplugged."""

    class PortAudioError(Exception):
        pass

    def __init__(self, blocks: int) -> None:
        self.blocks, self.opened = blocks, 0

    def query_devices(self) -> list[dict[str, Any]]:
        return (
            []
            if self.blocks < 0
            else [{"name": "Built-in", "max_input_channels": 2}, {"name": "Speaker", "max_input_channels": 0}]
        )

    def InputStream(self, *, callback: Callable[..., None], device: Any, **_: Any) -> Any:  # noqa: N802 - its own name
        if device == "nothing":
            raise ValueError("No input device matching 'nothing'")
        fake, self.opened = self, self.opened + 1

        class Stream:
            active = True

            def __enter__(self) -> None:
                self.thread = threading.Thread(target=self.speak)
                self.thread.start()

            def speak(self) -> None:
                for _ in range(fake.blocks):
                    callback(np.full((960, 1), 500, np.int16), 960, None, None)
                    time.sleep(0.005)

            def __exit__(self, *_: object) -> None:
                self.thread.join()

        return Stream()


def test_a_microphone_is_heard_and_tried_again_when_it_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSound(3)
    monkeypatch.setattr(microphone_input, "load_sounddevice", lambda: fake)
    monkeypatch.setattr(microphone_input, "STALLED_S", 0.05)
    heard: list[av.AudioFrame] = []
    states: list[str] = []
    reader = MicrophoneReader(None, lambda frame, _: heard.append(frame), lambda state, _: states.append(state))
    reader.start()
    wait_for(lambda: fake.opened >= 2)
    reader.stop()
    assert states[:2] == ["working", "lost"]
    assert heard[0].samples == 960 and heard[0].sample_rate == 48_000


def test_a_microphone_that_there_is_not_names_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone_input, "load_sounddevice", lambda: FakeSound(0))
    states: list[str] = []
    reader = MicrophoneReader("nothing", lambda *_: None, lambda _, why: states.append(why))
    reader.start()
    wait_for(lambda: bool(states))
    reader.stop()
    assert "No input device matching 'nothing'" in states[0] and "There are: 0: Built-in" in states[0]


@pytest.mark.parametrize(
    ("blocks", "named", "advice"),
    [
        (-1, None, "No microphone was found on this machine (it is taken). Plug one in"),
        (0, None, "Another program may hold it, or this one may not use it: see the system's privacy settings"),
        (0, "7", "There is no microphone 7 (it is taken): name another one. There are: 0: Built-in."),
        (0, "built", "Another program may hold it"),
    ],
)
def test_what_to_do_about_a_microphone_is_said(
    monkeypatch: pytest.MonkeyPatch, blocks: int, named: str | None, advice: str
) -> None:
    class Refusing(FakeSound):
        def check_input_settings(self, **_: Any) -> None:
            raise self.PortAudioError("it is taken")

    monkeypatch.setattr(microphone_input, "load_sounddevice", lambda: Refusing(blocks))
    with pytest.raises(DeviceError) as refused:
        microphone_input.check_microphone(named)
    assert advice in str(refused.value)


def test_a_clip_of_no_length_is_told_and_costs_nothing(tmp_path: Path) -> None:
    path, told = tmp_path / "empty.wav", []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
    reader = ClipReader(path, lambda *_: None, lambda *_: None, lambda _, why: told.append(why))
    reader.start()
    wait_for(lambda: any("no picture and no sound" in why for why in told))
    reader.stop()
    assert len(told) < 10
