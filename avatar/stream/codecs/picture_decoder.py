"""What a peer's camera sends, decoded in a thread of its own: the newest picture, nothing left to pile up.

aiortc makes a task and two futures of each picture on its way back to the event loop, and shares the decoding of one
picture out among threads, which takes longer altogether than one does by itself (0.5 ms of 640 x 480).
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import av
from aiortc import RTCRtpReceiver
from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.codecs.h264 import H264Decoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.rtp.jitter_buffer import EncodedFrame
from avatar.stream.tuning.receiver_tuning import ReceiverTap, key_frame_request, take_encoded
from avatar.types import CaptureStamp

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 30
"""Encoded pictures that may wait for the thread: one second."""

_Push: TypeAlias = Callable[[av.VideoFrame, CaptureStamp, int], None]


class PictureDecoder:
    """Decodes one received track of pictures. Used on the event loop, from which it takes no more than a moment."""

    def __init__(self, receiver: RTCRtpReceiver, tap: ReceiverTap, push: _Push) -> None:
        """Tell `push` each picture, until the receiver's track is stopped: its stamp, and how many were passed over.

        Pictures are handed on as the decoder made them (any size, any pixel format): converting them is the session's
        work, in its own threads. One that was overtaken while the event loop was busy is passed over. Call it after
        `tune_receiver`.
        """
        self._track, self._tap, self._push = receiver.track, tap, push
        self._ask_for_key_frame = key_frame_request(receiver)
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[tuple[RTCRtpCodecParameters, EncodedFrame] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._newest: av.VideoFrame | None = None
        self._skipped = 0
        self._warned = False
        take_encoded(receiver, self._take, self._end)

    @property
    def waiting(self) -> int:
        """How many encoded pictures wait for the thread."""
        return self._waiting.qsize()

    def _take(self, codec: RTCRtpCodecParameters, frame: EncodedFrame) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="camera-decoder", daemon=True)
            self._thread.start()
        if self._waiting.qsize() >= MOST_WAITING:
            self._drop_waiting()
            self._ask_for_key_frame()  # the stream of references is torn
        self._tap.note(frame)
        self._waiting.put((codec, frame))

    def _drop_waiting(self) -> None:
        while True:
            try:
                self._waiting.get_nowait()
            except queue.Empty:
                return

    def _end(self) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        decoder, kind = cast(Decoder, None), ""
        while (work := self._waiting.get()) is not None:
            codec, encoded = work
            try:
                if codec.mimeType != kind:
                    decoder, kind = _open(codec), codec.mimeType
                frames = decoder.decode(cast(Any, encoded))
            except Exception as error:  # whatever a stranger's picture makes a decoder stumble over
                # The decoder stays as it is: a new one could show nothing before the next key frame.
                self._ask_for_key_frame()
                if not self._warned:
                    self._warned = True
                    logger.warning("a picture of a camera could not be decoded: %s; others like it are left out", error)
                continue
            for frame in frames:
                self._hand_over(cast(av.VideoFrame, frame))

    def _hand_over(self, frame: av.VideoFrame) -> None:
        with self._lock:
            on_its_way = self._newest is not None
            self._skipped += on_its_way
            self._newest = frame
        if on_its_way:
            return
        try:
            self._loop.call_soon_threadsafe(self._hand_on)
        except RuntimeError:  # the loop has been closed under a connection that was not
            logger.debug("a picture was decoded after the event loop was closed")

    def _hand_on(self) -> None:
        with self._lock:
            frame, skipped = self._newest, self._skipped
            self._newest, self._skipped = None, 0
        if frame is None or self._track.readyState != "live":
            return
        arrival_s = self._tap.arrival_s(frame.pts)
        stamp = CaptureStamp(
            time.monotonic() if arrival_s is None else arrival_s, self._tap.wire_timestamp(frame.pts or 0)
        )
        self._push(frame, stamp, skipped)


def _open(codec: RTCRtpCodecParameters) -> Decoder:
    decoder = get_decoder(codec)
    if isinstance(decoder, H264Decoder):
        decoder.codec.thread_count = 1
    return decoder
