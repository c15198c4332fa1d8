"""What aiortc's receivers of pictures and sound are given in place of their own private parts, so that they are prompt.

As in `aiortc_tuning`, on one connection's own objects only; `tests/stream/tuning/test_receiver_tuning.py` says in plain
words which part has gone when aiortc changes.
"""

from __future__ import annotations

import queue
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from aiortc import RTCRtpReceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.frame_size import announced_size
from avatar.stream.rtp.bandwidth_estimate import BandwidthEstimate
from avatar.stream.rtp.jitter_buffer import AudioJitterBuffer, EncodedFrame, VideoJitterBuffer
from avatar.stream.rtp.retransmission import RetransmissionRequests
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.timing.rtp_clock import wrapped

VIDEO_DECODER_QUEUE: Final = 30
"""Encoded pictures waiting for their decoder thread: one second."""
AUDIO_DECODER_QUEUE: Final = 50
"""Encoded sound packets waiting for their decoder thread: one second."""
ANSWER_S: Final = 0.125
"""How long a lost packet that was asked for is thought to take, until one has come."""
ARRIVALS_KEPT: Final = 256
"""Frames whose arrival time is remembered until they come out of the decoder."""


class _Buffer(Protocol):
    def pop(self) -> EncodedFrame | None: ...


class ReceiverTap:
    """What the tuning learns about one received track: when each frame arrived, and its timestamp on the wire."""

    def __init__(self, timestamp_mapper: Any) -> None:
        self._mapper = timestamp_mapper
        self._arrivals: OrderedDict[int, float] = OrderedDict()

    def note(self, frame: EncodedFrame) -> None:
        """Remember when this frame, with its final timestamp, arrived."""
        self._arrivals[frame.timestamp] = frame.arrival_s
        while len(self._arrivals) > ARRIVALS_KEPT:
            self._arrivals.popitem(last=False)

    def arrival_s(self, pts: int | None) -> float | None:
        """When the last packet of the decoded frame with this `pts` arrived; None if that is not known (any more)."""
        return None if pts is None else self._arrivals.get(pts)

    def wire_timestamp(self, pts: int) -> int:
        """RTP timestamp (32 bits) that the sender gave the frame with this `pts`."""
        # aiortc subtracts the first timestamp it sees, and tells nobody which one that was.
        origin = getattr(self._mapper, private_name(self._mapper, "origin"))
        return wrapped(pts + (origin or 0))


class _DecoderQueue(queue.Queue[Any]):
    """Network to decoder thread: bounded, and passing on the further frames that one packet has completed."""

    def __init__(
        self,
        buffer: _Buffer,
        mapper: Any,
        tap: ReceiverTap,
        limit: int,
        on_overflow: Callable[[], None],
        may_decode: Callable[[str, bytes], bool] | None,
        look_at: Callable[[Any, bytes], None] = lambda *_: None,
    ) -> None:
        super().__init__()
        self._buffer = buffer
        self._mapper = mapper
        self._tap = tap
        self._limit = limit
        self._on_overflow = on_overflow
        self._may_decode, self._look_at = may_decode, look_at
        self.sink: Callable[[Any, EncodedFrame], None] | None = None
        """Takes codec and frame in the decoder thread's place."""
        self.on_end: Callable[[], None] = lambda: None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(None, block, timeout)
            self.on_end()
            return
        codec, frame = item
        self._pass_on(codec, frame)
        while (further := self._buffer.pop()) is not None:
            further.timestamp = self._mapper.map(further.timestamp)
            self._pass_on(codec, further)

    def _pass_on(self, codec: Any, frame: EncodedFrame) -> None:
        self._look_at(codec, frame.data)
        if self._may_decode is not None and not self._may_decode(codec.mimeType, frame.data):
            return
        if self.sink is not None:
            self.sink(codec, frame)
            return
        if self.qsize() >= self._limit:
            self._drop_waiting()
            self._on_overflow()
        self._tap.note(frame)
        super().put((codec, frame))

    def _drop_waiting(self) -> None:
        while True:
            try:
                self.get_nowait()
            except queue.Empty:
                return


def tune_receiver(
    receiver: RTCRtpReceiver,
    *,
    clock: Callable[[], float] = time.monotonic,
    may_decode: Callable[[str, bytes], bool] | None = None,
) -> ReceiverTap:
    """Make one receiver prompt; call it after `setRemoteDescription` and before the connection is up.

    `may_decode` is asked with the MIME type and the bytes of each encoded frame on the event loop; others are dropped.
    """
    mapper = getattr(receiver, private_name(receiver, "timestamp_mapper"))
    decoder_error = getattr(receiver, private_name(receiver, "decoder_error"))
    tap = ReceiverTap(mapper)
    kind = getattr(receiver, private_name(receiver, "kind"))
    buffer: VideoJitterBuffer | AudioJitterBuffer
    if kind == "video":
        # aiortc asks once for a lost packet; where that request or its answer is lost too, the picture freezes.
        estimate = BandwidthEstimate()
        requests = RetransmissionRequests(on_gap=estimate.missing, clock=clock)
        setattr(receiver, private_name(receiver, "nack_generator"), requests)
        # aiortc holds a picture until the next one begins (33 ms); ours goes by the marker bit.
        codecs = getattr(receiver, private_name(receiver, "codecs"))

        def begins_anew(packet: Any, data: bytes) -> bool:
            codec = codecs.get(packet.payload_type)
            return codec is not None and announced_size(codec.mimeType, data) is not None

        video = buffer = VideoJitterBuffer(
            answer_s=lambda: requests.answer_s or ANSWER_S, begins_anew=begins_anew, clock=clock
        )
        # aiortc takes each longer delay for a line that is too full, and lowers the sender's rate again and again.
        setattr(receiver, private_name(receiver, "remote_bitrate_estimator"), estimate)

        def look_at(codec: Any, data: bytes) -> None:
            if video.key_frame_missing and announced_size(codec.mimeType, data) is not None:
                video.key_frame_came()

        # The receiver asks for a key frame when this event is set: an overflow has torn the stream of references.
        frames = _DecoderQueue(buffer, mapper, tap, VIDEO_DECODER_QUEUE, decoder_error.set, may_decode, look_at)
    else:
        # aiortc holds sound for 80 ms, and for 320 ms after each lost packet, for good.
        buffer = AudioJitterBuffer(clock=clock)
        frames = _DecoderQueue(buffer, mapper, tap, AUDIO_DECODER_QUEUE, lambda: None, may_decode)
    setattr(receiver, private_name(receiver, "jitter_buffer"), buffer)
    # aiortc's queue is unbounded, and takes one frame a packet even when that packet completes several.
    setattr(receiver, private_name(receiver, "decoder_queue"), frames)
    return tap


def take_encoded(
    receiver: RTCRtpReceiver,
    sink: Callable[[RTCRtpCodecParameters, EncodedFrame], None],
    on_end: Callable[[], None] = lambda: None,
) -> None:
    """Have a receiver's frames taken as they come, on the event loop, in place of aiortc's decoder thread.

    Call it after `tune_receiver`. The receiver's track then gives none; `on_end` is called when none come any more.
    """
    frames = getattr(receiver, private_name(receiver, "decoder_queue"))
    if not isinstance(frames, _DecoderQueue):
        raise ValueError("the receiver has not been tuned")
    frames.sink, frames.on_end = sink, on_end


def key_frame_request(receiver: RTCRtpReceiver) -> Callable[[], None]:
    """Return what has a key frame asked for once the next packet comes; it may be called in any thread."""
    asked = getattr(receiver, private_name(receiver, "decoder_error"))
    return cast(Callable[[], None], asked.set)
