"""An avatar's frames, sent to a target in their time, and again where the target was gone meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from avatar.errors import PublishError
from avatar.media.publish_target import PublishTarget
from avatar.media.stream_writer import StreamWriter
from avatar.sdk.frames import AudioFrame, Frame, VideoFrame
from avatar.timing.backoff import wait_before_retry_s

PROVEN_S: Final = 10.0
"""A connection that has lasted so long ends a row of failures."""

TOLERANCE_S: Final = 1e-6
"""What adding up seconds may have rounded away."""


class FrameSource(Protocol):
    """What is published: an open avatar, or what gives out frames as one does."""

    def __aiter__(self) -> AsyncIterator[Frame]: ...


OpenWriter: TypeAlias = Callable[[PublishTarget], StreamWriter]


@dataclass(slots=True)
class Published:
    """What came of it."""

    pictures: int = 0
    seconds: float = 0.0
    """Of the avatar's time that was sent."""
    reconnections: int = 0


async def publish(
    avatar: FrameSource,
    target: PublishTarget,
    open_writer: OpenWriter,
    *,
    seconds: float | None = None,
    retries: int = 10,
    say: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Published:
    """Send an open avatar's frames until `seconds` of them are sent, the avatar is closed, or nothing helps any more.

    Args:
        avatar: whose frames are sent; one who is not sent anywhere goes on meanwhile.
        target: where to.
        open_writer: connects; called in a thread.
        seconds: to be sent; None: without end.
        retries: failures in a row that are followed by another try; a file is not tried again, nor what can never be
            sent to from here.
        say: is told, in a sentence, when the target is gone and when it is back.
        sleep, clock: of asyncio and time.

    Raises:
        PublishError: the target is gone for good.
        AvatarError: drawing has failed for good.
    """
    done, failures = Published(), 0
    while True:
        begun_s = clock()
        try:
            writer = await asyncio.to_thread(open_writer, target)
            if failures:
                say(f"{target.shown} takes the stream again.")
            await _send(avatar, writer, done, seconds)
        except PublishError as error:
            failures = 1 if clock() - begun_s > PROVEN_S else failures + 1
            if target.is_file or error.code == "bad_target" or failures > retries:
                raise
            wait_s = wait_before_retry_s(failures)
            say(f"{error} Trying again in {wait_s:.0f} s.")
            await sleep(wait_s)
            done.reconnections += 1
            continue
        return done


async def _send(avatar: FrameSource, writer: StreamWriter, done: Published, seconds: float | None) -> None:
    """Send frames until their end; each connection's own time begins at 0."""
    origin_s: float | None = None
    with writer:
        async for frame in avatar:
            origin_s = frame.time_s if origin_s is None else origin_s
            await asyncio.to_thread(_write, writer, frame, frame.time_s - origin_s)
            if isinstance(frame, VideoFrame):
                done.pictures += 1
            else:
                done.seconds += len(frame.samples) / frame.sample_rate
            if seconds is not None and done.seconds >= seconds - TOLERANCE_S:
                return


def _write(writer: StreamWriter, frame: Frame, time_s: float) -> None:
    if isinstance(frame, AudioFrame):
        writer.sound(frame.samples, time_s)
    else:
        writer.picture(frame.rgb, time_s)
