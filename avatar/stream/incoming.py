"""What a peer's camera sends, on its way in: the newest picture, nothing left to pile up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.frame import Frame

from avatar.stream.receiver_tuning import ReceiverTap, newest_frame
from avatar.types import CaptureStamp


async def pump_camera(
    track: MediaStreamTrack, tap: ReceiverTap, push: Callable[[av.VideoFrame, CaptureStamp, int], None]
) -> None:
    """Hand each decoded picture with its stamp and the number passed over before it to `push`, until the end.

    Pictures are handed on as the decoder made them (any size, any pixel format): converting them is the session's
    work, in its own threads. A picture that was overtaken while the loop was busy is passed over.
    """
    while True:
        try:
            oldest = cast(Frame, await track.recv())
        except MediaStreamError:
            return
        newest, skipped = newest_frame(track, oldest)
        stamp = CaptureStamp(_arrival_s(tap, newest), tap.wire_timestamp(newest.pts or 0))
        push(cast(av.VideoFrame, newest), stamp, skipped)


def _arrival_s(tap: ReceiverTap, frame: Frame) -> float:
    arrival_s = tap.arrival_s(frame.pts)
    return time.monotonic() if arrival_s is None else arrival_s
