"""A peer that calls the server as a browser would, and knows when each picture left and when it came back."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import av
import httpx2
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.video_encoder import CodecName
from avatar.stream.tuning.aiortc_tuning import gather_loopback_only
from avatar.stream.tuning.receiver_tuning import ReceiverTap, tune_receiver
from avatar.stream.tuning.sender_tuning import sent_wire_timestamp
from avatar.timing.quality_ladder import CameraRequest
from avatar.timing.rtp_clock import wrapped
from benchmarks.call_media import BLOCK, FPS, SOUND_RATE, Camera, CameraTrack, MicrophoneTrack
from benchmarks.sound_delay import MOMENT, sound_latencies

OPUS = RTCRtpCodecParameters("audio/opus", 48_000, 2)


@dataclass
class Received:
    """What came back."""

    pictures: list[tuple[int, float, tuple[int, int]]] = field(default_factory=list)
    """RTP timestamp, arrival time and size of each picture."""
    sound: list[tuple[float, np.ndarray]] = field(default_factory=list)
    """Arrival time and (n,) 16-bit mono samples of the blocks that are kept."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    first_picture: asyncio.Event = field(default_factory=asyncio.Event)


class RefusedError(Exception):
    """The server has no place: what it says, and the value of Retry-After."""


class Route(Protocol):
    """The way the packets of a call take, where it is not the straight one."""

    def route_offer(self, sdp: str) -> str:
        """Return the offer to send."""
        ...

    def route_answer(self, sdp: str) -> str:
        """Return the answer to take."""
        ...


class Caller:
    """One call. `join`, wait, `leave`."""

    def __init__(
        self,
        url: str,
        camera: list[bytes] | Camera,
        samples: np.ndarray | None,
        *,
        moment_every_s: float = 0.5,
        camera_fps: int = FPS,
        route: Route | None = None,
        on_encoded: Callable[[str, bytes], None] | None = None,
        sound_bps: int | None = None,
        codec: CodecName = "h264",
        answer_limit_s: float = 30.0,
    ) -> None:
        """Prepare the call.

        Args:
            url: of the server.
            camera: encoded pictures that are sent over and over, or a track of pictures.
            samples: (n,) 16-bit, 48 kHz, what the microphone hears over and over; None: there is none.
            moment_every_s: of the sound that comes back half a second is kept so often; all at 0.5.
            camera_fps: of encoded pictures.
            route: leads the packets another way than the straight one.
            sound_bps: what the microphone's sound takes; None: aiortc's 96 kbit/s, three times a browser's.
            codec: the only one of pictures that it offers.
            answer_limit_s: how long the server may take to answer: it opens what draws the avatar first.
            on_encoded: is told the MIME type and the bytes of each picture and sound as it has come, undecoded.
        """
        self._url, self._samples, self._route, self._on_encoded = url, samples, route, on_encoded
        self._answer_limit_s = answer_limit_s
        self._sound_count, self._moment_every = 0, round(moment_every_s * SOUND_RATE / BLOCK)
        self.camera = CameraTrack(camera, camera_fps) if isinstance(camera, list) else camera
        self.microphone = None if samples is None else self._open_microphone(samples, sound_bps)
        self.received = Received()
        self.connected_s = 0.0
        """When ICE and DTLS were through."""
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._sender = self.connection.addTrack(self.camera)
        codecs = RTCRtpSender.getCapabilities("video").codecs
        wanted = [one for one in codecs if one.mimeType.lower() in (f"video/{codec}", "video/rtx")]
        self.connection.getTransceivers()[0].setCodecPreferences(wanted)
        if self.microphone is not None:
            self.connection.addTrack(self.microphone)
        self._channel = self.connection.createDataChannel("avatar")
        self._channel.on("message", self._on_message)
        self._channel.on("open", lambda: self._channel.send('{"v":1,"type":"trace","enabled":true}'))
        self.connection.on("track", self._on_track)
        self.connection.on("connectionstatechange", self._on_state)
        self._tracks: list[MediaStreamTrack] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._origins: Counter[int] = Counter()
        self._location = self._answer = ""

    async def join(self, query: str) -> None:
        """Offer the call and start reading."""
        await self.ask(query)
        await self.accept()

    async def offer(self) -> str:
        """Return an offer with all addresses of this machine's loopback interface."""
        gather_loopback_only(self.connection)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def ask(self, query: str) -> None:
        """Offer the call and keep the answer. Raises RefusedError, after which it may be asked for again."""
        offer = self.connection.localDescription.sdp if self.connection.localDescription else await self.offer()
        async with httpx2.AsyncClient(trust_env=False, timeout=self._answer_limit_s) as http:
            answer = await http.post(
                f"{self._url}whip?{query}",
                content=offer if self._route is None else self._route.route_offer(offer),
                headers={"content-type": "application/sdp"},
            )
        if answer.status_code == 503:
            raise RefusedError(answer.json()["detail"], answer.headers.get("retry-after", ""))
        if answer.status_code != 201:
            raise SystemExit(f"The server refused the call: {answer.status_code} {answer.text}")
        self._location = answer.headers["location"].lstrip("/")
        self._answer = answer.text if self._route is None else self._route.route_answer(answer.text)

    async def accept(self) -> None:
        """Take the answer and start reading."""
        await self.connection.setRemoteDescription(RTCSessionDescription(self._answer, "answer"))
        self._listen()
        self._tasks.append(asyncio.create_task(self._learn_origin()))

    def say(self, text: str) -> None:
        """Send a message on the data channel, where it is open."""
        if self._channel.readyState == "open":
            self._channel.send(text)

    @property
    def call_id(self) -> str:
        """Of the server, once it has answered."""
        return self._location.rpartition("/")[2]

    @property
    def server_media(self) -> tuple[str, int]:
        """Address and port at which the server waits for this call's packets."""
        candidates = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) ", self.connection.remoteDescription.sdp)
        address, port = candidates[0]
        return address, int(port)

    async def leave(self) -> None:
        """End the call on both sides."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            await http.delete(f"{self._url}{self._location}")
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close the connection on this side alone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    def latencies(self) -> list[tuple[float, float]]:
        """Return (time it arrived, seconds from camera to arrival) of every picture whose camera frame is known."""
        origin = self._origins.most_common(1)[0][0]
        sent = {wrapped(pts + origin): at for pts, at in self.camera.sent_s.items()}
        pairs = [pair for message in self.received.messages if message["type"] == "trace" for pair in message["frames"]]
        camera_of = {shown: camera for camera, shown in pairs}
        return [
            (arrival, arrival - sent[camera_of[stamp]])
            for stamp, arrival, _ in self.received.pictures
            if camera_of.get(stamp) in sent
        ]

    def sound_latencies(self) -> list[tuple[float, float]]:
        """Return (arrival time, seconds from recording to arrival) , by matching what came back with what was sent."""
        if self._samples is None or self.microphone is None or self.microphone.begin_s is None:
            return []
        return sound_latencies(self._samples, self.microphone.begin_s, self.received.sound)

    def _open_microphone(self, samples: np.ndarray, sound_bps: int | None) -> MicrophoneTrack:
        if sound_bps is None:
            return MicrophoneTrack(samples)
        encoder = AudioEncoder(OPUS)
        encoder.bitrate_bps = sound_bps
        return MicrophoneTrack(samples, encoder)

    def _listen(self) -> None:
        """Read what comes back."""
        taps = {
            t.kind: tune_receiver(t.receiver, may_decode=self._note_encoded) for t in self.connection.getTransceivers()
        }
        self._tasks += [asyncio.create_task(self._read(track, taps[track.kind])) for track in self._tracks]

    def _on_message(self, text: str) -> None:
        message = json.loads(text)
        self.received.messages.append(message)
        if message["type"] == "camera":
            self.camera.ask(CameraRequest(*(message[one.name] for one in fields(CameraRequest))))

    def _note_encoded(self, mime_type: str, data: bytes) -> bool:
        if self._on_encoded is not None:
            self._on_encoded(mime_type, data)
        return True

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tracks.append(track)

    def _on_state(self) -> None:
        if self.connection.connectionState == "connected":
            self.connected_s = time.monotonic()

    async def _read(self, track: MediaStreamTrack, tap: ReceiverTap) -> None:
        while True:
            frame: Any = await track.recv()
            pts: int = frame.pts
            arrival = tap.arrival_s(pts) or time.monotonic()
            if isinstance(frame, av.VideoFrame):
                self.received.pictures.append((tap.wire_timestamp(pts), arrival, (frame.width, frame.height)))
                self.received.first_picture.set()
            else:
                self._keep_sound(frame, arrival)

    def _keep_sound(self, frame: av.AudioFrame, arrival_s: float) -> None:
        if self._sound_count % self._moment_every < MOMENT:
            channels = len(frame.layout.channels)
            mono = frame.to_ndarray().reshape(-1, channels).mean(axis=1).astype(np.int16)
            self.received.sound.append((arrival_s, mono))
        self._sound_count += 1

    async def _learn_origin(self) -> None:
        """Find the random offset aiortc adds to our own timestamps: the one seen most often while sampling."""
        while sum(self._origins.values()) < 200:
            await asyncio.sleep(0.011)
            if self.camera.sent_s:
                last = next(reversed(self.camera.sent_s))
                self._origins[wrapped(sent_wire_timestamp(self._sender) - last)] += 1


async def watched(work: Awaitable[None], seconds: float, label: str) -> None:
    """Await `work`, then let the call run with a line of progress."""
    await work
    for second in range(int(seconds)):
        if sys.stdout.isatty():
            print(f"\r{label}: {second + 1} of {int(seconds)} s ", end="", flush=True)
        await asyncio.sleep(1)
    print(f"\r{label}: done            ", flush=True)
