"""What the browser's fake camera and microphone play: a face that talks, numbered in its top edge, and a sound."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from avatar.types import U8

WIDTH, HEIGHT, FPS = 640, 480, 30
BITS, BLOCK = 12, 20
"""The frame number: 12 blocks of 20 x 20 pixels, white is 1, lowest bit first; then the same inverted, as a check."""
SOUND_RATE = 48_000


@dataclass(frozen=True)
class FaceCamera:
    """The files, and the frames they show."""

    video: Path
    sound: Path
    frames: tuple[U8, ...]
    """RGB, 480 x 640 x 3; the camera plays them in this order, again and again."""


def make_face_camera(folder: Path, pictures: Iterable[U8]) -> FaceCamera:
    """Write the files into `folder`; `pictures` are RGB and end as they begin, so that the loop has no jump."""
    frames = tuple(_framed(picture) for picture in pictures)
    video, sound = folder / "camera.y4m", folder / "microphone.wav"
    with video.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number, frame in enumerate(frames):
            file.write(b"FRAME\n" + cv2.cvtColor(_numbered(frame, number), cv2.COLOR_RGB2YUV_I420).tobytes())
    with wave.open(str(sound), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SOUND_RATE)
        wav.writeframes(_tone().tobytes())
    return FaceCamera(video, sound, frames)


def _tone() -> np.ndarray:
    seconds = np.arange(2 * SOUND_RATE) / SOUND_RATE
    return (6000 * np.sin(2 * math.pi * 180 * seconds) * (np.sin(2 * math.pi * 3 * seconds) > 0)).astype("<i2")


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
