"""A call over WebRTC with the real server, drawn by a tier of published networks, at whatever rate they give."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np

from avatar.types import U8, Drive
from benchmarks.caller import Caller
from benchmarks.server_process import ServerProcess

LOOK_EVERY_S: Final = 0.1
READY_LIMIT_S: Final = 150.0
"""How long the server may take to load half a gigabyte of weights on a busy machine."""


@dataclass(frozen=True, slots=True)
class NetworkCall:
    """What a call gave."""

    pictures: list[U8]
    """(height, width, 3) RGB, decoded by the caller."""
    arrivals_s: list[float]
    """When each came, from the connection on."""
    latencies_s: list[float]
    """From camera frame to arrival, of the pictures that answered one."""
    stage_ms: Mapping[str, float]
    """The server's own medians, as it told them last."""
    server_mb: float
    server_cores: float


async def network_call(
    packets: list[bytes],
    avatar: str,
    *,
    tier: str,
    engine: str,
    pictures: int,
    limit_s: float,
    samples: np.ndarray | None = None,
    drive: Drive = "camera",
) -> NetworkCall:
    """Hold a call until so many pictures have come, with the camera until they have answered its frames.

    Args:
        packets: what the camera sends over and over.
        avatar: id of a built-in face.
        tier: that draws.
        engine: that runs its networks.
        pictures: that are waited for.
        limit_s: how long.
        samples: what the microphone hears over and over, (n,) 16-bit at 48 kHz; None: there is none.
        drive: what moves the avatar.

    Raises:
        TimeoutError: they have not come within `limit_s`.
    """
    encoded: list[bytes] = []
    arguments = ("--tier", tier, "--engine", engine, "--quality", "fixed", "--workers", "1")
    with ServerProcess(*arguments, start_limit_s=READY_LIMIT_S) as server:
        caller = Caller(
            server.url,
            packets,
            samples,
            on_encoded=lambda kind, data: encoded.append(data) if "video" in kind else None,
            answer_limit_s=READY_LIMIT_S,
        )
        began_s, cpu_s = time.monotonic(), server.cpu_s()
        await caller.join(f"avatar={avatar}&width=512&height=512&drive={drive}")
        try:
            await _pictures(caller, pictures, limit_s, answers=drive == "camera")
        finally:
            cores = (server.cpu_s() - cpu_s) / (time.monotonic() - began_s)
            memory = server.rss_mb() if server.running else 0.0
            await caller.leave()
    return NetworkCall(
        pictures=decoded(encoded),
        arrivals_s=[at_s - caller.connected_s for _, at_s, _ in caller.received.pictures],
        latencies_s=[latency_s for _, latency_s in caller.latencies()],
        stage_ms=_stages(caller),
        server_mb=memory,
        server_cores=cores,
    )


def decoded(encoded: list[bytes]) -> list[U8]:
    """Return the pictures of a call's H.264, (height, width, 3) RGB."""
    codec: Any = av.CodecContext.create("h264", "r")
    frames: list[Any] = [frame for data in encoded for frame in codec.decode(av.Packet(data))]
    frames += codec.decode(None)
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


async def _pictures(caller: Caller, wanted: int, limit_s: float, *, answers: bool) -> None:
    """Wait until so many pictures have come, or answers, and the server has told of its stages. Raises TimeoutError."""
    came = 0
    for _ in range(round(limit_s / LOOK_EVERY_S)):
        came = _answered(caller) if answers else len(caller.received.pictures)
        if came >= wanted and _stages(caller):
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"Of {wanted} pictures {came} came within {limit_s:.0f} s.")


def _answered(caller: Caller) -> int:
    return sum(len(message["frames"]) for message in caller.received.messages if message["type"] == "trace")


def _stages(caller: Caller) -> dict[str, float]:
    """Return the stages that the server has told of, once a picture was drawn."""
    told = [message["stage_ms"] for message in caller.received.messages if message["type"] == "stats"]
    return next((stages for stages in reversed(told) if "generate" in stages and "encode" in stages), {})
