"""What the browser's fake camera and microphone play: a face clip, numbered in its top edge, and its sound."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo
from avatar.types import U8

WIDTH, HEIGHT, FPS = 640, 480, 30
BITS, BLOCK = 12, 20
"""The frame number: 12 blocks of 20 x 20 pixels, white is 1, lowest bit first; then the same inverted, as a check."""
SOUND_RATE = 48_000

_DATA = Path(__file__).parents[3] / "shared" / "data" / "video"
_CLIPS = ("vr_03.mp4", "st_01.mp4")
"""Clips of people nothing was ever fitted to."""


@dataclass(frozen=True)
class FaceCamera:
    """The files, and the frames they show."""

    video: Path
    sound: Path
    frames: tuple[U8, ...]
    """RGB, 480 x 640 x 3; the camera plays them in this order, again and again."""
    real: bool
    """A person was filmed; otherwise a portrait was moved about, which changes roll and place only."""


def make_face_camera(folder: Path) -> FaceCamera:
    """Write the files into `folder`."""
    clip = next((_DATA / name for name in _CLIPS if (_DATA / name).is_file()), None)
    pictures = list(_moved_portrait() if clip is None else _decoded(clip))
    # There and back, so that the loop has no jump.
    frames = tuple(_framed(picture) for picture in [*pictures, *pictures[-2:0:-1]])
    video, sound = folder / "camera.y4m", folder / "microphone.wav"
    with video.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number, frame in enumerate(frames):
            file.write(b"FRAME\n" + cv2.cvtColor(_numbered(frame, number), cv2.COLOR_RGB2YUV_I420).tobytes())
    samples = _tone() if clip is None else _sound_of(clip)
    with wave.open(str(sound), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SOUND_RATE)
        wav.writeframes(samples.tobytes())
    return FaceCamera(video, sound, frames, clip is not None)


def _decoded(clip: Path) -> Iterator[U8]:
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _sound_of(clip: Path) -> np.ndarray:
    with av.open(str(clip)) as container:
        if not container.streams.audio:
            return _tone()
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
        pieces = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(pieces, axis=1).astype("<i2")


def _tone() -> np.ndarray:
    seconds = np.arange(2 * SOUND_RATE) / SOUND_RATE
    return (6000 * np.sin(2 * math.pi * 180 * seconds) * (np.sin(2 * math.pi * 3 * seconds) > 0)).astype("<i2")


def _moved_portrait() -> Iterator[U8]:
    portrait = np.ascontiguousarray(
        read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())[:400, 40:440]
    )
    for step in range(120):
        turn = step / 120 * 2 * math.pi
        matrix = cv2.getRotationMatrix2D((190.0, 150.0), 12 * math.sin(turn), 1 + 0.08 * math.sin(2 * turn))
        matrix[:, 2] += (14 * math.sin(turn + 1), 8 * math.cos(turn))
        yield np.asarray(cv2.warpAffine(portrait, matrix, (400, 400), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _framed(picture: U8) -> U8:
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    frame = np.full((HEIGHT, WIDTH, 3), (60, 70, 80), np.uint8)
    frame[:, (WIDTH - HEIGHT) // 2 : (WIDTH + HEIGHT) // 2] = cv2.resize(
        square, (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA
    )
    return frame


def _numbered(frame: U8, number: int) -> U8:
    marked = frame.copy()
    marked[: BLOCK + 4] = 0
    for bit in range(BITS):
        on = number >> bit & 1
        marked[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * on
        marked[:BLOCK, (BITS + bit) * BLOCK : (BITS + bit + 1) * BLOCK] = 255 * (1 - on)
    return marked
