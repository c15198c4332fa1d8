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
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from avatar.identities.open import open_identity
from benchmarks import report
from benchmarks.call_media import camera_packets, still_packets
from benchmarks.network_call import network_call
from benchmarks.seeded_weights import seeded_models

STAGES: Final = ("convert", "perceive", "speech", "generate", "encode")


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
        network_call(
            packets,
            chosen.avatar,
            tier="portrait",
            engine=chosen.engine,
            pictures=chosen.pictures,
            limit_s=chosen.limit,
        )
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
