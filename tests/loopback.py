"""Two ends of a call on the loopback interface: a client such as a browser would be, and a pipeline that is none."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from avatar.config import Background, LimitSettings, PictureSettings, ServerSettings, TransportSettings
from avatar.identities.builtin import builtin_face
from avatar.media.colour import to_i420
from avatar.media.photo import read_photo
from avatar.session.protocol import SessionEvent, SessionStats
from avatar.stream.ice_servers import IceServer, as_aiortc_takes_them
from avatar.stream.tuning.aiortc_tuning import gather_loopback_only, tolerate_early_close
from avatar.types import CaptureStamp, Drive, Picture


@cache
def _portrait() -> np.ndarray:
    return read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())


def moving_face(index: int, width: int = 320, height: int = 240) -> np.ndarray:
    """One frame of a clip: the public-domain astronaut, swaying; (height, width, 3) RGB."""
    scale = max(width, height) / 512
    matrix = np.array([[scale, 0, 12 * np.sin(index / 6)], [0, scale, 9 * np.cos(index / 9) - 10]], np.float32)
    return cv2.warpAffine(_portrait(), matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


class ClipTrack(MediaStreamTrack):
    """A camera at 30 pictures a second; `sizes` changes it mid-call."""

    kind = "video"

    def __init__(self, size: tuple[int, int] = (320, 240)) -> None:
        super().__init__()
        self.size = size
        self.index = 0
        self.begin_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        if self.begin_s is None:
            self.begin_s = time.monotonic()
        wait_s = self.begin_s + self.index / 30 - time.monotonic()
        await asyncio.sleep(max(wait_s, 0.0))
        frame = av.VideoFrame.from_ndarray(moving_face(self.index % 90, *self.size), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = self.index * 3000, Fraction(1, 90_000)
        self.index += 1
        return frame


class ToneTrack(MediaStreamTrack):
    """A microphone: a tone in 20 ms pieces."""

    kind = "audio"

    def __init__(self, rate: int = 48_000, layout: str = "mono") -> None:
        super().__init__()
        self.rate, self.layout = rate, layout
        self.index = 0
        self.begin_s: float | None = None

    async def recv(self) -> av.AudioFrame:
        if self.begin_s is None:
            self.begin_s = time.monotonic()
        await asyncio.sleep(max(self.begin_s + self.index * 0.02 - time.monotonic(), 0.0))
        count = self.rate // 50
        phase = (self.index * count + np.arange(count)) * 2 * np.pi * 440 / self.rate
        mono = (np.sin(phase) * 8000).astype(np.int16)
        channels = 2 if self.layout == "stereo" else 1
        frame = av.AudioFrame.from_ndarray(np.repeat(mono, channels)[None], format="s16", layout=self.layout)
        frame.pts, frame.sample_rate, frame.time_base = self.index * count, self.rate, Fraction(1, self.rate)
        self.index += 1
        return frame


class Client:
    """A peer such as a browser: sends a clip and a tone, keeps what comes back."""

    def __init__(
        self, *, video: MediaStreamTrack | str | None = "clip", audio: MediaStreamTrack | None = None,
        codecs: tuple[str, ...] = (), channel: bool = True, relays: Sequence[IceServer] = (),
    ) -> None:  # fmt: skip
        """With `relays`, TURN servers, it reaches the other end through these only."""
        self._relayed = bool(relays)
        policy = RTCIceTransportPolicy.RELAY if relays else RTCIceTransportPolicy.ALL
        self.connection = RTCPeerConnection(RTCConfiguration(as_aiortc_takes_them(relays), iceTransportPolicy=policy))
        tolerate_early_close(self.connection)
        self.camera = ClipTrack() if video == "clip" else video
        self.pictures: list[av.VideoFrame] = []
        self.sounds: list[av.AudioFrame] = []
        self.messages: list[dict[str, Any]] = []
        self._tasks: list[asyncio.Task[None]] = []
        if isinstance(self.camera, MediaStreamTrack):
            self.connection.addTrack(self.camera)
        elif self.camera is not None:
            self.connection.addTransceiver("video", direction=self.camera)
        if codecs:
            wanted = [
                codec
                for codec in RTCRtpSender.getCapabilities("video").codecs
                if codec.mimeType.split("/")[1].lower() in codecs
            ]
            self.connection.getTransceivers()[0].setCodecPreferences(wanted)
        if audio is not None:
            self.connection.addTrack(audio)
        self.channel = self.connection.createDataChannel("avatar") if channel else None
        if self.channel is not None:
            self.channel.on("message", lambda text: self.messages.append(json.loads(text)))
        self.connection.on("track", self._on_track)

    async def offer(self) -> str:
        """The complete offer, loopback candidates only, or those of relays."""
        if not self._relayed:
            gather_loopback_only(self.connection)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer; media flow soon after."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))

    def send(self, **message: Any) -> None:
        """Send one control message."""
        assert self.channel is not None
        self.channel.send(json.dumps({"v": 1, **message}))

    def received(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type that have come so far."""
        return [message for message in self.messages if message["type"] == kind]

    async def close(self) -> None:
        """Leave nothing running."""
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        kept: list[Any] = self.pictures if track.kind == "video" else self.sounds
        self._tasks.append(asyncio.create_task(self._keep(track, kept)))

    async def _keep(self, track: MediaStreamTrack, kept: list[Any]) -> None:
        while True:
            kept.append(await track.recv())


@dataclass
class FakeSession:
    """The pipeline's surface; one thread turns each camera picture into its negative, of the size asked for."""

    on_picture: Callable[[Picture], None]
    on_event: Callable[[SessionEvent], None]
    size: tuple[int, int] = (256, 256)
    identity: Any = None
    drive: Drive = "camera"
    takes_s: float = 0.06
    """How long a picture seems to take: sound waits for as long."""
    camera: list[tuple[int, int, int]] = field(default_factory=list)
    """pts, width and height of each camera picture."""
    sounds: list[av.AudioFrame] = field(default_factory=list)
    calibrations: int = 0
    presences: list[str] = field(default_factory=list)
    cues: list[Any] = field(default_factory=list)
    background: Background | None = None
    watched: bool = True
    look_every: int = 1
    started: bool = False
    stopped: bool = False

    def __post_init__(self) -> None:
        self._begin_s = time.monotonic()
        self._condition = threading.Condition()
        self._frame: tuple[av.VideoFrame, CaptureStamp] | None = None
        self._thread = threading.Thread(target=self._work, name="fake-session", daemon=True)

    def start(self) -> None:
        self.started = True
        self._thread.start()

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        self.camera.append((frame.pts or 0, frame.width, frame.height))
        with self._condition:
            self._frame = (frame, capture)
            self._condition.notify()

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        self.sounds.append(frame)

    def calibrate(self) -> None:
        self.calibrations += 1

    def set_drive(self, drive: Drive) -> None:
        self.drive = drive

    def set_presence(self, presence: str) -> None:
        self.presences.append(presence)

    def direct(self, cue: Any) -> None:
        self.cues.append(cue)

    def set_watched(self, watched: bool) -> None:
        self.watched = watched

    def set_picture(self, picture: PictureSettings, look_every: int) -> None:
        self.size = (picture.width, picture.height)
        self.look_every = look_every

    def set_background(self, background: Background) -> None:
        self.background = background

    def set_identity(self, identity: Any) -> None:
        self.identity = identity

    def stats(self) -> SessionStats:
        return SessionStats(30.0, {"perceive": 1.0}, 0, "tracked")

    def stop(self) -> None:
        with self._condition:
            self.stopped = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._frame is not None or self.stopped)
                if self.stopped or self._frame is None:
                    return
                (frame, capture), self._frame = self._frame, None
            rgb = cv2.resize(255 - frame.to_ndarray(format="rgb24"), self.size)
            transparent = self.background is not None and self.background.kind == "transparent"
            i420 = to_i420(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA) if transparent else rgb)
            sound_s = time.monotonic() - self.takes_s
            self.on_picture(Picture(capture.arrival_s - self._begin_s, i420, capture, sound_s, transparent))


async def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until something has happened; fails only if it never does."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError("what was waited for has not happened")
        await asyncio.sleep(0.02)


SETTINGS = ServerSettings(
    picture=PictureSettings(256, 256, 30, quality="fixed"),
    transport=TransportSettings(loopback_only=True),
    limits=LimitSettings(sessions=2),
)
