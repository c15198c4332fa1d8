"""A caller that costs little, for benchmarks in which many call at once on the machine that serves them.

It sends what was encoded beforehand, and decodes nothing of what comes back: each picture's arrival is noted, sound is
thrown away.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import RTCRtpReceiver

from avatar.stream.rtp.jitter_buffer import EncodedFrame
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.receiver_tuning import tune_receiver
from benchmarks.call_media import BLOCK, FPS, SOUND_RATE, Camera, MicrophoneTrack
from benchmarks.caller import Caller, Received, Route


def opus_packets(samples: np.ndarray) -> list[bytes]:
    """Encode (n,) 16-bit samples at 48 kHz as packets of 20 ms."""
    codec: Any = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.format, codec.layout, codec.bit_rate = SOUND_RATE, "s16", "stereo", 64_000
    codec.options = {"application": "voip", "frame_duration": "20"}
    packets = []
    for start in range(0, len(samples) - BLOCK + 1, BLOCK):
        block = np.repeat(samples[start : start + BLOCK], 2)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


class EncodedMicrophone(MicrophoneTrack):
    """Sends encoded blocks of 20 ms at their times, again and again."""

    def __init__(self, packets: list[bytes]) -> None:
        super().__init__(np.zeros(0, np.int16))
        self._packets = packets

    async def recv(self) -> av.Packet[Any]:
        """Return the next block when it is complete."""
        self.begin_s = time.monotonic() if self.begin_s is None else self.begin_s
        await asyncio.sleep(max(self.begin_s + (self._index + 1) * BLOCK / SOUND_RATE - time.monotonic(), 0))
        packet = av.Packet(self._packets[self._index % len(self._packets)])
        packet.pts, packet.time_base = self._index * BLOCK, Fraction(1, SOUND_RATE)
        self._index += 1
        return packet


class _Arrivals(queue.Queue[Any]):
    """Where aiortc keeps what its decoder thread takes: told of each frame, and keeps none."""

    def __init__(self, receiver: RTCRtpReceiver, note: Callable[[EncodedFrame], None]) -> None:
        super().__init__()
        self._buffer = getattr(receiver, private_name(receiver, "jitter_buffer"))
        self._mapper = getattr(receiver, private_name(receiver, "timestamp_mapper"))
        self._note = note

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(None, block, timeout)
            return
        self._note(item[1])
        while (further := self._buffer.pop()) is not None:
            further.timestamp = self._mapper.map(further.timestamp)
            self._note(further)


class LightCaller(Caller):
    """One call that only counts and times pictures."""

    def __init__(
        self,
        url: str,
        camera: list[bytes] | Camera,
        sound: list[bytes],
        *,
        camera_fps: int = FPS,
        route: Route | None = None,
    ) -> None:
        """Prepare the call; `camera` is what `Caller` takes, `sound` the microphone's (`opus_packets`)."""
        self._sound = sound
        super().__init__(url, camera, np.zeros(0, np.int16), camera_fps=camera_fps, route=route)

    def _open_microphone(self, samples: np.ndarray, sound_bps: int | None) -> MicrophoneTrack:
        del samples, sound_bps
        return EncodedMicrophone(self._sound)

    def _listen(self) -> None:
        for section in self.connection.getTransceivers():
            note_arrivals(section.receiver, self.received if section.kind == "video" else None)


def note_arrivals(receiver: RTCRtpReceiver, received: Received | None) -> None:
    """Note when each picture comes, in `received`, and decode none; None: of sound, which is thrown away."""
    tap = tune_receiver(receiver)

    def note(frame: EncodedFrame) -> None:
        if received is not None:
            received.pictures.append((tap.wire_timestamp(frame.timestamp), frame.arrival_s, (0, 0)))
            received.first_picture.set()

    setattr(receiver, private_name(receiver, "decoder_queue"), _Arrivals(receiver, note))
