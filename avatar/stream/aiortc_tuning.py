"""Every touch of aiortc's and aioice's private parts, in one place, on one connection's own objects.

Nothing here changes a module or a class: a second connection in the same process, or another user of aiortc, is not
affected. aiortc is pinned to the version this was written for; each touch first checks that the private part is there,
and `tests/stream/test_aiortc_tuning.py` says in plain words which one has gone when aiortc changes.
"""

from __future__ import annotations

import queue
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, cast

from aiortc import (
    InvalidStateError,
    MediaStreamTrack,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av import Packet
from av.frame import Frame

from avatar.stream.bandwidth_estimate import BandwidthEstimate
from avatar.stream.frame_size import announced_size
from avatar.stream.jitter_buffer import AudioJitterBuffer, EncodedFrame, VideoJitterBuffer
from avatar.stream.retransmission import RetransmissionRequests
from avatar.stream.video_encoder import CodecName
from avatar.timing.rtp_clock import wrapped

VIDEO_DECODER_QUEUE: Final = 30
"""Encoded pictures waiting for their decoder thread: one second."""
AUDIO_DECODER_QUEUE: Final = 50
"""Encoded sound packets waiting for their decoder thread: one second."""
ANSWER_S: Final = 0.125
"""How long a lost packet that was asked for is thought to take, until one has come."""
LOOPBACK: Final = "127.0.0.1"
ARRIVALS_KEPT: Final = 256
"""Frames whose arrival time is remembered until they come out of the decoder."""


class AiortcChangedError(RuntimeError):
    """aiortc is not the version this file was written for."""


def private_name(owner: object, name: str) -> str:
    """Return the attribute name behind `owner`'s private `name`. Raises AiortcChangedError when there is none."""
    class_name = type(owner).__name__
    for candidate in (f"_{class_name}__{name}", f"_{name}", name):
        if hasattr(owner, candidate):
            return candidate
    raise AiortcChangedError(
        f"aiortc has changed: {class_name} no longer has '{name}'. Install the version pinned in pyproject.toml, "
        "or adapt avatar/stream/aiortc_tuning.py to the new one."
    )


class _Buffer(Protocol):
    def pop(self) -> EncodedFrame | None: ...


class ReceiverTap:
    """What the tuning learns about one received track: when each frame arrived, and its timestamp on the wire."""

    def __init__(self, timestamp_mapper: Any) -> None:
        self._mapper = timestamp_mapper
        self.count_waiting: Callable[[], int] = lambda: 0
        """Returns how many frames wait for their decoder."""
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

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(None, block, timeout)
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
    tap.count_waiting = frames.qsize
    return tap


def take_encoded(receiver: RTCRtpReceiver, sink: Callable[[RTCRtpCodecParameters, EncodedFrame], None]) -> None:
    """Have a receiver's frames taken as they come, on the event loop, in place of aiortc's decoder thread.

    Call it after `tune_receiver`. The receiver's track then gives none.
    """
    frames = getattr(receiver, private_name(receiver, "decoder_queue"))
    if not isinstance(frames, _DecoderQueue):
        raise ValueError("the receiver has not been tuned")
    frames.sink = sink


class _SenderEncoder:
    """Stands where aiortc keeps its encoder: packetises what our encoder made, and hears the receiver's estimate."""

    def __init__(self, packetiser: H264Encoder | Vp8Encoder, on_estimate: Callable[[int], None]) -> None:
        self._packetiser = packetiser
        self._on_estimate = on_estimate
        self._estimate_bps = 0

    def pack(self, packet: Packet[Any]) -> tuple[list[bytes], int]:
        return self._packetiser.pack(packet)

    @property
    def target_bitrate(self) -> int:
        return self._estimate_bps

    @target_bitrate.setter
    def target_bitrate(self, estimate_bps: int) -> None:
        self._estimate_bps = estimate_bps
        self._on_estimate(estimate_bps)


def tune_video_sender(
    sender: RTCRtpSender,
    codec: CodecName,
    *,
    on_estimate: Callable[[int], None],
    on_key_frame_request: Callable[[], None],
) -> None:
    """Let a track that yields encoded packets hear what aiortc tells only its own encoders.

    `on_estimate` gets the receiver's estimate (REMB) in bits per second, `on_key_frame_request` each PLI or FIR. Both
    are called on the event loop.
    """
    # Packets from a track are an official way into aiortc, but REMB then reaches nobody: it goes to the encoder.
    packetiser = H264Encoder() if codec == "h264" else Vp8Encoder()
    setattr(sender, private_name(sender, "encoder"), _SenderEncoder(packetiser, on_estimate))
    # PLI and FIR only set a flag for aiortc's own encoder.
    setattr(sender, private_name(sender, "send_keyframe"), on_key_frame_request)


def negotiated_video_codec(transceiver: RTCRtpTransceiver) -> CodecName:
    """Return what a transceiver will send, once the offer has been read: aiortc takes the first codec of its list."""
    codecs = getattr(transceiver, private_name(transceiver, "codecs"))
    return "h264" if codecs[0].mimeType.lower() == "video/h264" else "vp8"


def negotiated_audio_codec(transceiver: RTCRtpTransceiver) -> RTCRtpCodecParameters:
    """Return what a transceiver of sound will send, once the offer has been read."""
    codecs = getattr(transceiver, private_name(transceiver, "codecs"))
    return cast(RTCRtpCodecParameters, codecs[0])


def sent_wire_timestamp(sender: RTCRtpSender) -> int:
    """RTP timestamp (32 bits) of the last packet this sender has put on the wire.

    aiortc adds a random origin to every timestamp and keeps it in a local variable; a trace needs it.
    """
    return int(getattr(sender, private_name(sender, "rtp_timestamp")))


def newest_frame(track: MediaStreamTrack, first: Frame) -> tuple[Frame, int]:
    """Return the newest decoded frame waiting in a received track, given the oldest, and how many were passed over."""
    # aiortc's queue of decoded frames is unbounded: taking one at a time would let latency grow without limit.
    waiting = getattr(track, private_name(track, "queue"))
    newest, skipped = first, 0
    while not waiting.empty():
        frame = waiting.get_nowait()
        if frame is None:
            waiting.put_nowait(None)  # the end of the track, left for the next `recv`
            break
        newest, skipped = frame, skipped + 1
    return newest, skipped


def tolerate_early_close(connection: RTCPeerConnection) -> None:
    """Let this connection be closed while it is still being made; call it before any description is set."""
    # aiortc connects in a task nobody holds, which then fails with an error that only the event loop gets to see.
    name = private_name(connection, "connect")
    connect = cast(Callable[[], Awaitable[None]], getattr(connection, name))

    async def connect_unless_closed() -> None:
        try:
            await connect()
        except InvalidStateError:
            if connection.connectionState != "closed":
                raise

    setattr(connection, name, connect_unless_closed)


def gather_loopback_only(connection: RTCPeerConnection) -> None:
    """Make this connection offer 127.0.0.1 and nothing else; call it before `setLocalDescription`."""
    _gather(connection, lambda _: [LOOPBACK])


def gather_loopback_too(connection: RTCPeerConnection) -> None:
    """Make this connection offer 127.0.0.1 besides its other addresses; call it before `setLocalDescription`."""
    _gather(connection, lambda addresses: [*addresses, LOOPBACK])


def _gather(connection: RTCPeerConnection, choose: Callable[[list[str]], list[str]]) -> None:
    # aioice leaves the loopback address out, in a module function; the method it hands the addresses to is replaced on
    # this connection's own gatherers.
    for ice in getattr(connection, private_name(connection, "iceTransports")):
        gatherer = ice.iceGatherer
        agent = getattr(gatherer, private_name(gatherer, "connection"))
        gather = cast(Callable[..., Awaitable[Any]], getattr(agent, private_name(agent, "get_component_candidates")))
        agent.get_component_candidates = _at(gather, choose)


def _at(
    gather: Callable[..., Awaitable[Any]], choose: Callable[[list[str]], list[str]]
) -> Callable[..., Awaitable[Any]]:
    def gather_at(component: int, addresses: list[str], timeout: int = 5) -> Awaitable[Any]:
        return gather(component=component, addresses=choose(addresses), timeout=timeout)

    return gather_at
