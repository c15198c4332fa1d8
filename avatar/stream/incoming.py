"""What a peer sends, on its way in: the newest camera picture, every piece of sound, nothing left to pile up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, cast

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.frame import Frame

from avatar.stream.aiortc_tuning import ReceiverTap, newest_frame
from avatar.types import CaptureStamp

STALE_S: Final = 1.0
"""Sound that has waited this long since it arrived is too old to be heard: longer than any sound is held for a picture
(`av_sync.LONGEST_HOLD_S`)."""


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


async def pump_microphone(
    track: MediaStreamTrack,
    tap: ReceiverTap,
    push: Callable[[av.AudioFrame, float], None],
    passed_over: Callable[[], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Hand every decoded piece of sound with its arrival time to `push`, until the end of the track.

    One that has waited longer than `STALE_S` is told to `passed_over` instead: when time is short, work on sound that
    nobody can use any more would make the rest late too.
    """
    while True:
        try:
            frame = cast(av.AudioFrame, await track.recv())
        except MediaStreamError:
            return
        arrival_s = _arrival_s(tap, frame)
        if clock() - arrival_s > STALE_S:
            passed_over()
        else:
            push(frame, arrival_s)


def _arrival_s(tap: ReceiverTap, frame: Frame) -> float:
    arrival_s = tap.arrival_s(frame.pts)
    return time.monotonic() if arrival_s is None else arrival_s
