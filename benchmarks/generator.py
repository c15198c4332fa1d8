"""How fast a tier of generator draws on one core, how large its network is, and what its 8-bit copy loses.

The tier and the plain warp draw the same motions in turn, in one process tied to one core. `cpu_ms` is the time the
core worked for the frame: on a busy machine it says more than the clock.

ms_per_frame_1core   median of one whole picture, 512 x 512 (`Generator.render`); the 95th percentile beside it
gflop                of the network, once per frame (convolutions and products, two for each multiply-add)
int8_psnr_drop_db    how much further from the real frames the 8-bit network's faces are than the full one's
resident_mb          memory the process gains when the tier is opened beside the warp and has drawn
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import psutil

from avatar.errors import AvatarError, ModelError
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.protocol import Generator
from avatar.generator.tiers import choose_engine, open_generator
from avatar.identities.open import open_identity
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.motion.idle import IdleLife
from avatar.motion.retarget import Retargeter
from avatar.perception.tracker import FaceTracker
from avatar.types import BLENDSHAPE_INDEX, Motion
from benchmarks import report
from benchmarks.clip_track import track_clip
from benchmarks.media import test_clips
from benchmarks.onnx_cost import gflop
from benchmarks.picture_measures import psnr_db
from benchmarks.reenactment import SIZE, reenactment

BARS = {"ms_per_frame_1core": "<= 15", "gflop": "<= 3", "int8_psnr_drop_db": "<= 0.3", "resident_mb": "< 200"}
WARM_UP: Final = 10
COMPARED_CLIPS: Final = 3
COMPARED_S: Final = 8.0
NETWORK_ENGINES: Final = ("onnxruntime", "openvino")
"""Engines that run the 8-bit copy where there is one, and the full network where there is none."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of each picture."""

    clock_ms: list[float]
    cpu_ms: list[float]


def tie_to_one_core() -> None:
    """Let this process, and every thread it starts from now on, run on one core only."""
    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def time_in_turn(generators: Sequence[Generator], motions: Sequence[Motion]) -> list[Timing]:
    """Draw each motion with each generator, one after the other, so that all meet the same moments of the machine."""
    timings = [Timing([], []) for _ in generators]
    for number, motion in enumerate(motions):
        for generator, timing in zip(generators, timings, strict=True):
            clock, cpu = time.perf_counter(), time.process_time()
            generator.render(motion)
            if number >= WARM_UP:
                timing.clock_ms.append(1e3 * (time.perf_counter() - clock))
                timing.cpu_ms.append(1e3 * (time.process_time() - cpu))
    return timings


def motions_of(driver: Path | None, count: int) -> list[Motion]:
    """Return `count` motions: of a clip's face, there and back; without a clip an idle face that opens its mouth."""
    if driver is None:
        return [_talking(number / 30) for number in range(count)]
    retargeter = Retargeter(load_basis())
    motions = []
    with FaceTracker(get_model("face_landmarker")) as tracker:
        for time_s, rgb in clip_frames(driver):
            face = tracker.track(rgb, time_s)
            if face is not None:
                motions.append(retargeter.motion(face))
            if len(motions) == count:
                return motions
    if not motions:
        raise SystemExit(f"No face was seen in {driver}.")
    there_and_back = [*motions, *reversed(motions)]
    return [there_and_back[number % len(there_and_back)] for number in range(count)]


def _talking(time_s: float) -> Motion:
    idle = IdleLife().motion(time_s)
    blendshapes = idle.blendshapes.copy()
    blendshapes[BLENDSHAPE_INDEX["jawOpen"]] += np.float32(0.3 - 0.3 * np.cos(2 * np.pi * 1.7 * time_s))
    return replace(idle, blendshapes=blendshapes)


def resident_mb() -> float:
    """Return this process's resident memory."""
    return float(psutil.Process().memory_info().rss / 1e6)


def int8_drop_db(tier: str, engine: str, clips: Sequence[Path]) -> float:
    """Return by how much the face's PSNR falls with the 8-bit network, on clips that reenact themselves.

    Raises:
        AvatarError: the tier cannot run here or has no 8-bit copy, or no clip can be used.
        ImportError: the engine is not installed.
    """
    from avatar.generator.engines.choice import ENGINES  # noqa: PLC0415 - only tiers with a network have engines
    from avatar.generator.network_files import network_files  # noqa: PLC0415
    from avatar.generator.network_generator import NetworkGenerator  # noqa: PLC0415

    files = network_files(tier)
    if files.decoder_int8 is None:
        raise AvatarError(f"tier {tier!r} has no 8-bit copy")
    make = ENGINES[engine if engine in NETWORK_ENGINES else NETWORK_ENGINES[0]]
    engines = (make(replace(files, decoder_int8=None), 1), make(files, 1))
    drops = []
    for path in clips:
        scene = reenactment(track_clip(path, until_s=COMPARED_S), targets=20)
        full, small = (NetworkGenerator(scene.one, (SIZE, SIZE), engine) for engine in engines)
        for frame in scene.targets:
            full_db, small_db = (psnr_db(by.draw(frame.shown), frame.real, frame.face) for by in (full, small))
            drops.append(full_db - small_db)
    if not drops:
        raise AvatarError("there are no clips to compare on")
    return float(np.mean(drops))


def network_figures(tier: str, engine: str, decoder: Path | None, clips: Sequence[Path]) -> dict[str, float]:
    """Return `gflop` and `int8_psnr_drop_db`, NaN with a printed reason where one cannot be had."""
    figures = {"gflop": float("nan"), "int8_psnr_drop_db": float("nan")}
    if tier == "geometry" and decoder is None:
        print("no gflop and no int8_psnr_drop_db: the geometry tier has no network")
        return figures
    try:
        figures["gflop"] = gflop(decoder if decoder is not None else _decoder_file(tier))
    except (AvatarError, ImportError, ValueError) as error:
        print(f"no gflop: {error}")
    if tier != "geometry":
        try:
            figures["int8_psnr_drop_db"] = int8_drop_db(tier, engine, clips)
        except (AvatarError, ImportError, RuntimeError) as error:
            print(f"no int8_psnr_drop_db: {error}")
    return figures


def _decoder_file(tier: str) -> Path:
    from avatar.generator.network_files import network_files  # noqa: PLC0415 - only tiers with a network have files

    return network_files(tier).decoder


def measure_speed(identity: Identity, tier: str, engine: str, motions: Sequence[Motion]) -> dict[str, float]:
    """Print times by tier; return the tier's figures and the warp's."""
    warp = open_generator(identity, (SIZE, SIZE), "geometry")
    for motion in motions[:WARM_UP]:
        warp.render(motion)
    before = resident_mb()
    generator = open_generator(identity, (SIZE, SIZE), tier, engine)
    for motion in motions[:WARM_UP]:
        generator.render(motion)
    gained = resident_mb() - before
    timings = time_in_turn((warp, generator), motions)
    rows = [
        (name, report.median(at.clock_ms), report.p95(at.clock_ms), report.median(at.cpu_ms), len(at.clock_ms))
        for name, at in zip(("geometry", tier), timings, strict=True)
    ]
    report.table((f"one {SIZE} x {SIZE} picture", "median ms", "p95 ms", "median CPU ms", "pictures"), rows)
    by_warp, by_tier = timings
    return {
        "ms_per_frame_1core": report.median(by_tier.clock_ms),
        "p95_ms_per_frame_1core": report.p95(by_tier.clock_ms),
        "cpu_ms_per_frame_1core": report.median(by_tier.cpu_ms),
        "geometry_ms_per_frame_1core": report.median(by_warp.clock_ms),
        "geometry_cpu_ms_per_frame_1core": report.median(by_warp.cpu_ms),
        "resident_mb": gained,
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--tier", default="auto", help="tier of generator (default: the best that runs here)")
    arguments.add_argument("--engine", default="auto", help="what runs its network")
    arguments.add_argument("--face", default="mira", help="a photo, .avatar file or built-in id (default mira)")
    arguments.add_argument("--driver", type=Path, help="a clip of one face to take the motions from")
    arguments.add_argument("--frames", type=int, default=200, help="pictures timed (default 200)")
    arguments.add_argument("--decoder", type=Path, help="count another ONNX file than the tier's own")
    chosen = arguments.parse_args()
    tie_to_one_core()

    try:
        clips = test_clips(COMPARED_CLIPS)
    except SystemExit:
        clips = [chosen.driver] if chosen.driver is not None else []
    driver = chosen.driver or next(iter(clips), None)
    motions = motions_of(driver, chosen.frames + WARM_UP)
    try:
        # The engine is loaded in here, so that its memory is seen.
        figures = measure_speed(open_identity(chosen.face), chosen.tier, chosen.engine, motions)
    except ModelError as error:
        raise SystemExit(str(error)) from error
    found = choose_engine(chosen.tier, chosen.engine)
    tier, engine = ("geometry", "none") if found is None else (found[0], found[1].name)
    print(f"tier {tier}, engine {engine}")
    figures |= network_figures(tier, engine, chosen.decoder, clips)
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
