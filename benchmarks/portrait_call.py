"""A call over WebRTC that LivePortrait's networks draw, at whatever rate this machine gives, and where its time goes.

Without trained weights the networks get seeded ones (`seeded_weights`): the picture looks like noise where they draw,
what counts is the way and its times. `--engine torch-cuda` runs them on a GPU. On two CPU cores a picture takes about
fifteen seconds; the whole takes three minutes then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from avatar.identities.open import open_identity
from avatar.types import U8
from benchmarks import report
from benchmarks.call_media import camera_packets, still_packets
from benchmarks.caller import Caller
from benchmarks.seeded_weights import seeded_models
from benchmarks.server_process import ServerProcess

STAGES: Final = ("convert", "perceive", "speech", "generate", "encode")
LOOK_EVERY_S: Final = 0.1
READY_LIMIT_S: Final = 150.0
"""How long the server may take to load half a gigabyte of weights on a busy machine."""


@dataclass(frozen=True, slots=True)
class PortraitCall:
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


async def portrait_call(
    packets: list[bytes], avatar: str, *, engine: str, pictures: int, limit_s: float, options: tuple[str, ...] = ()
) -> PortraitCall:
    """Hold a call until so many pictures have answered camera frames.

    Raises:
        TimeoutError: they did not within `limit_s`.
    """
    encoded: list[bytes] = []
    arguments = ("--tier", "portrait", "--engine", engine, "--quality", "fixed", "--workers", "1", *options)
    with ServerProcess(*arguments, start_limit_s=READY_LIMIT_S) as server:
        caller = Caller(
            server.url,
            packets,
            None,
            on_encoded=lambda kind, data: encoded.append(data) if "video" in kind else None,
            answer_limit_s=READY_LIMIT_S,
        )
        began_s, cpu_s = time.monotonic(), server.cpu_s()
        await caller.join(f"avatar={avatar}&width=512&height=512&drive=camera")
        try:
            await _pictures(caller, pictures, limit_s)
        finally:
            cores = (server.cpu_s() - cpu_s) / (time.monotonic() - began_s)
            memory = server.rss_mb() if server.running else 0.0
            await caller.leave()
    return PortraitCall(
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


def network_ms(device: str, rounds: int) -> dict[str, float]:
    """Return how long each network takes for one picture, milliseconds: the best of a few rounds."""
    import torch  # noqa: PLC0415 - only where it is installed

    from avatar.generator.portrait.networks import load_portrait_networks  # noqa: PLC0415
    from avatar.generator.portrait.tier import WEIGHTS  # noqa: PLC0415
    from avatar.models.store import models_folder  # noqa: PLC0415

    there = torch.device(device)
    kind = torch.float16 if there.type == "cuda" else torch.float32
    networks = load_portrait_networks(models_folder() / WEIGHTS, there, kind)
    crop = torch.rand(1, 3, 256, 256, device=there, dtype=kind)
    points = torch.zeros(1, 21, 3, device=there, dtype=kind)

    def timed(run: Callable[[], Any]) -> tuple[float, Any]:
        best = float("inf")
        for _ in range(rounds):
            began_s = time.perf_counter()
            found = run()
            if there.type == "cuda":
                torch.cuda.synchronize()
            best = min(best, 1e3 * (time.perf_counter() - began_s))
        return best, found

    with torch.inference_mode():
        appearance_ms, volume = timed(lambda: networks.appearance(crop))
        motion_ms, _ = timed(lambda: networks.motion(crop))
        warping_ms, warped = timed(lambda: networks.warping(volume, points, points))
        decoder_ms, _ = timed(lambda: networks.decoder(warped.out))
    return {
        "appearance, once a photo": appearance_ms,
        "motion, a camera frame": motion_ms,
        "warping, a picture": warping_ms,
        "decoder, a picture": decoder_ms,
    }


async def _pictures(caller: Caller, wanted: int, limit_s: float) -> None:
    """Wait until so many camera frames are answered and the server has told of its stages. Raises TimeoutError."""
    for _ in range(round(limit_s / LOOK_EVERY_S)):
        if _answered(caller) >= wanted and _stages(caller):
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"Of {wanted} pictures {_answered(caller)} came within {limit_s:.0f} s.")


def _answered(caller: Caller) -> int:
    return sum(len(message["frames"]) for message in caller.received.messages if message["type"] == "trace")


def _stages(caller: Caller) -> dict[str, float]:
    """Return the stages that the server has told of, once a picture was drawn."""
    told = [message["stage_ms"] for message in caller.received.messages if message["type"] == "stats"]
    return next((stages for stages in reversed(told) if "generate" in stages and "encode" in stages), {})


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--avatar", default="mira", help="built-in face to show (default mira)")
    arguments.add_argument("--driver", type=Path, help="the clip the camera plays (default: the face itself, swaying)")
    arguments.add_argument("--engine", default="torch", choices=("torch", "torch-cuda"), help="default torch, a CPU")
    arguments.add_argument("--pictures", type=int, default=3, help="that answer camera frames (default 3)")
    arguments.add_argument("--limit", type=float, default=240.0, help="give up after so many seconds (default 240)")
    arguments.add_argument(
        "--weights", type=Path, help="a folder to keep the seeded weights in, and to find them again"
    )
    arguments.add_argument(
        "--trained", action="store_true", help="with the weights of `avatar models pull liveportrait`"
    )
    arguments.add_argument("--picture", type=Path, help="write the last picture here, as PNG")
    arguments.add_argument("--networks", type=int, default=2, metavar="ROUNDS", help="of each by itself; 0: none")
    chosen = arguments.parse_args()
    with contextlib.nullcontext() if chosen.trained else seeded_models(chosen.weights):
        figures = measure(chosen)
    report.finish(figures, {}, chosen.json)


def measure(chosen: argparse.Namespace) -> dict[str, float]:
    """Hold the call; return the figures."""
    packets = camera_packets(chosen.driver) if chosen.driver else still_packets(open_identity(chosen.avatar).rest.rgb)
    if chosen.networks:
        device = "cuda" if chosen.engine == "torch-cuda" else "cpu"
        report.table(("network alone", "ms"), network_ms(device, chosen.networks).items())
        print()
    held = asyncio.run(
        portrait_call(packets, chosen.avatar, engine=chosen.engine, pictures=chosen.pictures, limit_s=chosen.limit)
    )
    report.table(("stage of the call", "ms"), [(name, held.stage_ms[name]) for name in STAGES if name in held.stage_ms])
    if chosen.picture is not None:
        cv2.imwrite(str(chosen.picture), cv2.cvtColor(held.pictures[-1], cv2.COLOR_RGB2BGR))
    spans = np.diff(held.arrivals_s)
    return {
        "pictures": len(held.pictures),
        "first_picture_s": held.arrivals_s[0],
        "fps": 1 / report.median(spans) if len(spans) else float("nan"),
        "latency_s_median": report.median(held.latencies_s),
        "server_memory_mb": held.server_mb,
        "server_cpu_cores": held.server_cores,
    }


if __name__ == "__main__":
    main()
