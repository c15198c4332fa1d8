"""What a peer says, decoded as it comes, on the event loop.

aiortc hands each packet to a thread, and what that has decoded back by a task of its own: several times the work of
decoding 20 ms of Opus (0.04 ms).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final, cast

import av
from aiortc import RTCRtpReceiver
from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.codecs.opus import OpusDecoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.codecs.received_opus import keep_payload
from avatar.stream.rtp.jitter_buffer import EncodedFrame
from avatar.stream.tuning.receiver_tuning import take_encoded

logger = logging.getLogger(__name__)

STALE_S: Final = 1.0
"""Sound that has waited this long since it arrived is too old to be heard: longer than any sound is held for a picture
(`av_sync.LONGEST_HOLD_S`)."""


class SoundDecoder:
    """Decodes one received track of sound. Used on the event loop only, which it keeps for 0.1 ms at a time."""

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        push: Callable[[av.AudioFrame, float], None],
        passed_over: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell `push` every piece of sound with its arrival time, until the receiver's track is stopped.

        A packet that has waited longer than `STALE_S` is told to `passed_over` instead: when time is short, work on
        sound that nobody can use any more would make the rest late too. Call it after `tune_receiver`.
        """
        self._track = receiver.track
        self._push, self._passed_over, self._clock = push, passed_over, clock
        self._loop = asyncio.get_running_loop()
        self._decoder: Decoder | None = None
        self._codec = ""
        self._warned = False
        take_encoded(receiver, self._take)

    def _take(self, codec: RTCRtpCodecParameters, packet: EncodedFrame) -> None:
        if self._clock() - packet.arrival_s > STALE_S:
            self._passed_over()
            return
        if self._decoder is None or codec.mimeType != self._codec:
            self._decoder, self._codec = get_decoder(codec), codec.mimeType
        try:
            frames = self._decoder.decode(cast(Any, packet))
        except av.FFmpegError as error:
            if not self._warned:
                self._warned = True
                logger.warning("sound could not be decoded: %s; it and more like it are left out", error)
            return
        if len(frames) == 1 and isinstance(self._decoder, OpusDecoder):
            keep_payload(cast(av.AudioFrame, frames[0]), packet.data)
        for frame in frames:
            # Not from within the receiver: the guard around it takes whatever is raised for a fault of the packet.
            self._loop.call_soon(self._hand_on, cast(av.AudioFrame, frame), packet.arrival_s)

    def _hand_on(self, frame: av.AudioFrame, arrival_s: float) -> None:
        if self._track.readyState == "live":
            self._push(frame, arrival_s)
