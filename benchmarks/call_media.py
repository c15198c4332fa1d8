"""What a caller's camera and microphone send, encoded beforehand where it can be, and when each picture left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack

from avatar.media.audio import audio_blocks
from avatar.media.colour import to_i420
from avatar.media.video import clip_frames
from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.timing.quality_ladder import CameraRequest
from avatar.timing.rtp_clock import VIDEO_RATE, VIDEO_TIME_BASE

FPS = 30
CAMERA = CameraRequest(640, 480, FPS, 1_500_000)
"""What a page's camera sends at full quality."""
SOUND_RATE = 48_000
BLOCK = 960
"""Samples of a 20 ms sound block."""
LOOP_S = 30.0
"""The microphone says the same again after so long: much longer than a sound can be on its way."""


def camera_packets(clip: Path, seconds: float = 10.0, camera: CameraRequest = CAMERA) -> list[bytes]:
    """Encode a clip as a camera would send it, there and back so that it loops without a jump.

    Encoded beforehand, so that the client's own work does not disturb what is measured.
    """
    pictures = camera_pictures(clip, seconds, camera)
    every = FPS / camera.fps  # clips are taken for 30 fps
    return encoded([pictures[int(index * every)] for index in range(int(len(pictures) / every))], camera)


def camera_pictures(clip: Path, seconds: float, camera: CameraRequest = CAMERA) -> list[np.ndarray]:
    """Return the (height, width, 3) RGB pictures of a clip's first seconds, as large as the camera's."""
    return [as_camera(rgb, camera) for _, rgb in clip_frames(clip, until_s=seconds)]


def still_packets(picture: np.ndarray, seconds: float = 4.0) -> list[bytes]:
    """Encode a picture (height, width, 3) RGB as a camera that sways before it, for where there is no clip."""
    camera = as_camera(picture, CAMERA)
    shifts = (12 * np.sin(np.linspace(0, 2 * np.pi, round(seconds * FPS)))).round().astype(int)
    return encoded([np.roll(camera, shift, axis=1) for shift in shifts.tolist()])


def encoded(frames: list[np.ndarray], camera: CameraRequest = CAMERA) -> list[bytes]:
    """Return the packets of a camera that shows the frames, RGB of its size, there and back."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height = camera.width, camera.height
    codec.pix_fmt, codec.bit_rate = "yuv420p", camera.max_bitrate_bps
    codec.time_base, codec.framerate = Fraction(1, camera.fps), Fraction(camera.fps)
    codec.options = {"preset": "superfast", "tune": "zerolatency", "profile": "baseline", "g": "60"}
    packets = []
    for index, rgb in enumerate([*frames, *frames[-2:0:-1]]):
        frame = av.VideoFrame.from_ndarray(to_i420(rgb), format="yuv420p")
        frame.pts = index
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def microphone_samples(path: Path | None, seconds: float = LOOP_S) -> np.ndarray:
    """Return (n,) 16-bit samples at 48 kHz: a file's sound, looped, with quiet noise that marks every moment."""
    noise = np.random.default_rng(1).normal(0, 600, round(seconds * SOUND_RATE))
    voice = np.concatenate([block.mean(axis=0) for block in audio_blocks(path)]) if path else np.zeros(1)
    speech = np.resize(voice, len(noise)) * 12_000 if len(voice) > 1 else 0.0
    return np.clip(noise + speech, -32_768, 32_767).astype(np.int16)


def looped(samples: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Return the samples from one place to another of (n,) that are repeated for ever."""
    return samples.take(np.arange(begin, end), mode="wrap")


class Camera(MediaStreamTrack):
    """A track of pictures that notes when each has left."""

    kind = "video"

    def __init__(self, fps: int = FPS) -> None:
        super().__init__()
        self.fps = fps
        """What the server asks for from now on (message `camera`), as the page has its camera do."""
        self.sent_s: dict[int, float] = {}
        """Time by pts (90 kHz)."""

    def ask(self, request: CameraRequest) -> None:
        """Send no more from now on than what the server asks for."""
        self.fps = min(request.fps, FPS)


class CameraTrack(Camera):
    """Sends encoded packets at their times."""

    def __init__(self, packets: list[bytes], fps: int = FPS) -> None:
        super().__init__(fps)
        self._packets, self._index, self._pts = packets, 0, 0
        self._due_s: float | None = None

    async def recv(self) -> av.Packet[Any]:
        """Return the next picture when it is due."""
        self._due_s = time.monotonic() if self._due_s is None else self._due_s
        await asyncio.sleep(max(self._due_s - time.monotonic(), 0))
        packet = av.Packet(self._packets[self._index % len(self._packets)])
        packet.pts, packet.time_base = self._pts, VIDEO_TIME_BASE
        self.sent_s[packet.pts] = time.monotonic()
        self._index, self._pts = self._index + 1, self._pts + VIDEO_RATE // self.fps
        self._due_s += 1 / self.fps
        return packet


class AskedCamera(CameraTrack):
    """Sends what was encoded for each request of the server, as the page's camera does, from its first picture on."""

    def __init__(self, packets: Mapping[CameraRequest, list[bytes]]) -> None:
        """Take the packets for each request; those for `CAMERA` are sent before the first."""
        super().__init__(packets[CAMERA])
        self._for = packets

    def ask(self, request: CameraRequest) -> None:
        """Send the packets for this request."""
        super().ask(request)
        if self._for[request] is not self._packets:
            self._packets, self._index = self._for[request], 0


class MicrophoneTrack(MediaStreamTrack):
    """Sends each 20 ms block once its last sample has been 'recorded'; begins anew when all is said."""

    kind = "audio"

    def __init__(self, samples: np.ndarray, encoder: AudioEncoder | None = None) -> None:
        """Say (n,) 16-bit samples; without an encoder aiortc's own takes 96 kbit/s."""
        super().__init__()
        self._encoder = encoder
        self._samples, self._index = samples, 0
        self.begin_s: float | None = None
        """When the first sample was recorded."""

    async def recv(self) -> av.AudioFrame | av.Packet[Any]:
        """Return the next block when it is complete."""
        self.begin_s = time.monotonic() if self.begin_s is None else self.begin_s
        await asyncio.sleep(max(self.begin_s + (self._index + 1) * BLOCK / SOUND_RATE - time.monotonic(), 0))
        start = self._index * BLOCK
        block = looped(self._samples, start, start + BLOCK)
        frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = start, SOUND_RATE, Fraction(1, SOUND_RATE)
        self._index += 1
        if self._encoder is None:
            return frame
        packet = self._encoder.encode([frame])[0]
        return await self.recv() if packet is None else packet


def as_camera(rgb: np.ndarray, camera: CameraRequest) -> np.ndarray:
    """Fit a picture into the camera's size with its shape kept."""
    width, height = camera.width, camera.height
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    size = (round(rgb.shape[1] * scale) & ~1, round(rgb.shape[0] * scale) & ~1)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    right, bottom = width - size[0] - left, height - size[1] - top
    return cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_REPLICATE)
