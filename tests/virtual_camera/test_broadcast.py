"""An avatar as a camera, from what moves it to the device: keys, muting, sound in step, a clean end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar.config import Background, PictureSettings
from avatar.errors import CueError, DeviceError
from avatar.media.pcm import I16
from avatar.types import U8, CaptureStamp, Picture
from avatar.virtual_camera.broadcast import Broadcast, Inputs
from avatar.virtual_camera.drawing import LocalDrawing
from avatar.virtual_camera.hot_keys import Action, action_of


class FakeDrawing:
    """Draws each camera picture as a grey one, and keeps what it was asked."""

    def __init__(self, on_picture: Callable[[Picture], None], on_failure: Callable[[str], None]) -> None:
        self._on_picture, self.fail = on_picture, on_failure
        self.asked: list[str] = []
        self.sounds: list[av.AudioFrame] = []
        self.stopped = False
        self.face_seen: Any = "tracked"

    def start(self) -> None:
        self.asked.append("start")

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        self._on_picture(Picture(0.0, np.full((96, 64), 50, np.uint8), capture, capture.arrival_s))

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        self.sounds.append(frame)

    def calibrate(self) -> None:
        self.asked.append("rest")

    def show_face(self, face: str) -> None:
        self.asked.append(face)

    def show_background(self, background: Background) -> None:
        self.asked.append(str(background))

    def direct(self, words: str) -> None:
        if words == "fly":
            raise CueError("'fly' is not understood.")
        self.asked.append(words)

    def stop(self) -> None:
        self.stopped = True


class Device:
    """Keeps the pictures; a `SoundSink` too."""

    def __init__(self) -> None:
        self.pictures: list[U8] = []
        self.heard: list[I16] = []
        self.closed = False

    def send(self, i420: U8) -> None:
        self.pictures.append(i420)

    def write(self, samples: I16) -> None:
        self.heard.append(samples)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clip(tmp_path: Path, media_files: Any) -> Path:
    path: Path = media_files.write_media(tmp_path / "clip.mkv", video="libx264", audio="aac", seconds=1.0)
    return path


def broadcast_of(clip: Path, device: Device, faces: tuple[str, ...] = ("mira",)) -> tuple[Broadcast, list[FakeDrawing]]:
    made: list[FakeDrawing] = []

    def open_drawing(*, on_picture: Any, on_failure: Any, on_note: Any) -> FakeDrawing:
        made.append(FakeDrawing(on_picture, on_failure))
        return made[0]

    behind = (Background(), Background("blur"))
    return Broadcast(
        Inputs(clip=clip), open_drawing, device, 30, faces=faces, backgrounds=behind, sound_sink=device
    ), made


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s, "what was waited for has not happened"
        time.sleep(0.01)


def test_pictures_and_sound_reach_the_devices_and_everything_ends(clip: Path) -> None:
    device = Device()
    broadcast, made = broadcast_of(clip, device)
    with broadcast.running():
        wait_for(lambda: len(device.pictures) >= 10 and len(device.heard) >= 10)
        assert "pictures a second" in broadcast.status() and "ms from camera to device" in broadcast.status()
        assert "face followed" in broadcast.status()
        assert broadcast.wait(0.0)
    assert made[0].stopped and device.closed
    assert made[0].sounds


def test_keys_direct_the_avatar(clip: Path) -> None:
    broadcast, made = broadcast_of(clip, Device(), ("mira", "leo"))
    with broadcast.running():
        for key in ("f", "f", "r", "b", "b", "1", "0", "x"):
            if (action := action_of(key)) is not None:
                broadcast.act(action)
        broadcast.act(Action("feel", "fly"))
        assert made[0].asked == ["start", "leo", "mira", "rest", "blur", "keep", "smile warmly", "neutral"]
        assert "'fly' is not understood." in broadcast.notes()
        broadcast.act(Action("help"))
        assert "m mute" in broadcast.notes()[0]
        broadcast.act(Action("quit"))
        assert not broadcast.wait(5.0)


def test_muted_nobody_hears_and_no_lips_move(clip: Path) -> None:
    device = Device()
    broadcast, made = broadcast_of(clip, device)
    with broadcast.running():
        wait_for(lambda: bool(device.heard))
        broadcast.act(Action("mute"))
        assert broadcast.status().endswith("muted")
        time.sleep(0.3)
        before = (len(device.heard), len(made[0].sounds))
        time.sleep(0.3)
        assert (len(device.heard), len(made[0].sounds)) == before
        broadcast.act(Action("mute"))
        wait_for(lambda: len(device.heard) > before[0])


def test_one_face_says_how_to_have_more(clip: Path) -> None:
    broadcast, _ = broadcast_of(clip, Device())
    with broadcast.running():
        broadcast.act(Action("face"))
        assert any("--avatar several times" in note for note in broadcast.notes())


def test_what_ends_the_drawing_ends_it_all_with_its_reason(clip: Path) -> None:
    device = Device()
    broadcast, made = broadcast_of(clip, device)
    with pytest.raises(DeviceError, match="the canvas is torn"), broadcast.running():
        made[0].fail("the canvas is torn")
        broadcast.wait(5.0)
    assert made[0].stopped and device.closed


def test_a_clip_that_disappears_leaves_the_avatar_at_rest_and_is_tried_again(clip: Path) -> None:
    device = Device()
    broadcast, _ = broadcast_of(clip, device)
    said: list[str] = []
    with broadcast.running():
        wait_for(lambda: bool(device.pictures))
        content = clip.read_bytes()
        clip.unlink()
        wait_for(lambda: bool(said.extend(broadcast.notes()) or said))
        assert "The avatar rests meanwhile; trying again." in said[0]
        count = len(device.pictures)
        wait_for(lambda: len(device.pictures) > count + 3)
        clip.write_bytes(content)
        wait_for(lambda: bool(said.extend(broadcast.notes()) or "The clip works again." in said))


@pytest.mark.slow
def test_a_face_in_a_clip_moves_the_avatar_in_the_camera(tmp_path: Path, face_clips: Any) -> None:
    pytest.importorskip("pyvirtualcam", reason="the extra is not installed: pip install 'avatar[camera]'")
    from avatar.virtual_camera.device import VirtualCamera  # noqa: PLC0415
    from benchmarks import recording_camera  # noqa: PLC0415

    recording_camera.register()
    recording_camera.RecordingCamera.opened.clear()
    face_clips.write_clips(tmp_path, [("mira", "train")], seconds=2.0)
    clip = next(tmp_path.rglob("*.mp4"))
    picture = PictureSettings(256, 256, tier="geometry")
    notes: list[str] = []
    with VirtualCamera.open((256, 256), 30, backend=recording_camera.BACKEND) as camera:
        broadcast = Broadcast(
            Inputs(clip=clip),
            lambda *, on_picture, on_failure, on_note: LocalDrawing(
                "astronaut", picture, "camera", on_picture=on_picture, on_failure=on_failure, on_note=on_note
            ),
            camera,
            30,
            faces=("astronaut", "mira", "nobody"),
            backgrounds=(Background(), Background("colour", rgb=(0, 255, 0))),
        )
        with broadcast.running():
            (device,) = recording_camera.RecordingCamera.opened
            wait_for(lambda: broadcast.figures().sent > 45)
            moved = np.stack(device.pictures)[:, :256].astype(int)
            assert np.abs(np.diff(moved, axis=0)).max() > 20
            assert "face followed" in broadcast.status()
            before = device.pictures[-1].copy()
            broadcast.act(Action("face"))
            wait_for(lambda: np.abs(device.pictures[-1].astype(int) - before).mean() > 8)
            broadcast.act(Action("background"))
            wait_for(lambda: device.pictures[-1][0, 0] == 145)  # the luma of green
            broadcast.act(Action("face"))
            wait_for(lambda: bool(notes.extend(broadcast.notes()) or any("cannot be shown" in note for note in notes)))
            assert broadcast.wait(0.0), "a face that there is not changes nothing"
    assert device.closed
