"""How many calls does one GPU hold? The networks alone at batches of 1 to 32, their latency and their memory.

`standard` with random weights, `portrait` (LivePortrait) and `musetalk` with seeded ones: neither their sizes nor their
times depend on what they have learnt. A picture of `musetalk` includes what Whisper hears for it. Calls at 30 pictures
a second are simulated with the rule by which frames of several calls are drawn together (`avatar.timing.batching`) and
the times measured here. Needs no network and under eight minutes:

    python -m benchmarks.gpu --json gpu.json

Without a GPU it measures batches of 1, 2 and 4 on the CPU and says which rows are missing.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.errors import GpuMemoryError
from avatar.generator.engines.choice import default_threads
from avatar.generator.engines.engine import FrameInput
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.musetalk import SIDE
from avatar.generator.network_files import NetworkFiles
from avatar.generator.network_input import CONDITION_SIZE, REGIONS
from avatar.generator.portrait import CROP_SIDE, PICTURE_SIDE
from avatar.generator.portrait.portrait_motion import PortraitMotion
from benchmarks import report
from benchmarks.batching import between, simulate_frames
from benchmarks.seeded_musetalk import PUBLISHED, Sizes, write_ready
from benchmarks.seeded_weights import seeded_models

GPU_SIZES: Final = (1, 2, 4, 8, 16, 32)
CPU_SIZES: Final = (1, 2, 4)
FPS: Final = 30
IN_TIME: Final = 0.95
"""Share of the frames that are drawn before the next of their call is due, where a GPU holds its calls."""
MOST_CALLS: Final = 256
SIMULATED_S: Final = 2.0
LISTENINGS: Final = 5
ROW_S: Final = 60.0
"""A row that would take a CPU longer is left out."""
TIERS: Final = ("standard", "portrait", "musetalk")
BARS: Final = {"standard_calls": ">= 60", "portrait_calls": ">= 8"}
"""On one H100."""


@dataclass(frozen=True, slots=True)
class Row:
    """One batch size of one tier."""

    batch: int
    median_ms: float
    p95_ms: float
    memory_mb: float
    """Of the GPU, in all, at the most; of the process on a CPU."""


class Batched:
    """A tier's network, and frames to draw with it."""

    def __init__(
        self, draw_batch: Callable[[list[Any]], object], frame: Any, on_gpu: bool, largest: int = max(GPU_SIZES)
    ) -> None:
        """Draw `frame` over and over, up to `largest` times at once."""
        self._draw_batch, self._frame, self._on_gpu, self.largest = draw_batch, frame, on_gpu, largest

    def measure(self, batch: int, seconds: float) -> Row:
        """Return how a batch does: on a GPU after it was recorded, again and again for some seconds; on a CPU once."""
        frames = [self._frame] * batch
        if self._on_gpu:
            import torch  # noqa: PLC0415 - only where it is installed

            torch.cuda.reset_peak_memory_stats()
            self._draw_batch(frames)
        until_s, times_ms = time.perf_counter() + seconds, list[float]()
        while not times_ms or time.perf_counter() < until_s:
            began_s = time.perf_counter()
            self._draw_batch(frames)
            times_ms.append(1e3 * (time.perf_counter() - began_s))
        return Row(batch, report.median(times_ms), report.p95(times_ms), self._memory_mb())

    def _memory_mb(self) -> float:
        if not self._on_gpu:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        import torch  # noqa: PLC0415

        return float(torch.cuda.max_memory_reserved()) / 1e6


@contextlib.contextmanager
def standard(device: str, engine: str) -> Iterator[Batched]:
    """Yield the tier `standard` with random weights."""
    import torch  # noqa: PLC0415

    from avatar.generator.engines.torch_engine import TorchEngine  # noqa: PLC0415
    from avatar.generator.network import SIZES, FaceNetwork  # noqa: PLC0415
    from avatar.generator.network_weights import save_weights  # noqa: PLC0415

    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        save_weights(weights, FaceNetwork(SIZES["standard"]), "standard", {})
        made = TorchEngine(engine, NetworkFiles("standard", weights, weights, None, weights), default_threads())
    grey = np.full((CROP_SIZE, CROP_SIZE, 3), 128, np.uint8)
    masks = np.zeros((len(REGIONS), CROP_SIZE, CROP_SIZE), np.uint8)
    quarter = CROP_SIZE // 4
    frame = FrameInput(
        moved=grey,
        nearest=grey,
        regions=masks,
        seam=masks[0],
        grid=np.zeros((quarter, quarter, 2), np.float32),
        latents=made.encode(grey),
        condition=np.zeros(CONDITION_SIZE, np.float32),
    )
    yield Batched(made.decode_batch, frame, device == "cuda")


@contextlib.contextmanager
def portrait(device: str, engine: str, folder: Path | None) -> Iterator[Batched]:
    """Yield the tier `portrait` with seeded weights."""
    with seeded_models(folder) as models:
        from avatar.generator.portrait.engine import Asked, PortraitEngine  # noqa: PLC0415 - imports torch
        from avatar.generator.portrait.tier import WEIGHTS  # noqa: PLC0415

        made = PortraitEngine(models / WEIGHTS, device, default_threads(), compiled=engine.endswith("-compiled"))
        numbers = np.random.default_rng(1)
        source = made.source(numbers.integers(0, 255, (CROP_SIDE, CROP_SIDE, 3), np.uint8), 0.0, (0.3, 0.3))
        motion = PortraitMotion(
            rotation=np.eye(3, dtype=np.float32),
            expression=np.zeros((21, 3), np.float32),
            scale=1.05,
            translation=np.zeros(2, np.float32),
            lip_opening=0.1,
            eye_opening=0.3,
            lip_share=1.0,
            eye_share=1.0,
        )
        grey = np.full((PICTURE_SIDE, PICTURE_SIDE, 3), 128, np.uint8)
        placement = made.place(grey, grey[..., 0], np.eye(2, 3, dtype=np.float32)) if device == "cuda" else None
        yield Batched(made.draw_batch, Asked(source, motion, placement), device == "cuda")


@contextlib.contextmanager
def musetalk(device: str, folder: Path | None, sizes: Sizes = PUBLISHED) -> Iterator[Batched]:
    """Yield the tier `musetalk` with seeded weights; what moves the photo below it is the processor's."""
    with tempfile.TemporaryDirectory() as temporary:
        ready = Path(temporary) / "musetalk" if folder is None else folder / "musetalk"
        write_ready(ready, sizes)
        from avatar.generator.musetalk.engine import LARGEST_BATCH, Asked, MuseTalkEngine  # noqa: PLC0415 - torch

        made = MuseTalkEngine(ready, device, default_threads())
    numbers = np.random.default_rng(1)
    sound = numbers.normal(0, 0.1, made.samples).astype(np.float32)
    heard = made.listen(sound)
    if heard is None:
        raise GpuMemoryError("The GPU's memory is too full to listen.")
    times_ms = list[float]()
    for _ in range(LISTENINGS):
        began_s = time.perf_counter()
        made.listen(sound)
        times_ms.append(1e3 * (time.perf_counter() - began_s))
    print(f"listening: {report.median(times_ms):.1f} ms a picture, in each row", flush=True)

    def draw_batch(frames: list[Asked]) -> None:
        for _ in frames:  # each call's voice by itself
            made.listen(sound)
        made.draw_batch(frames)

    square = numbers.integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    yield Batched(draw_batch, Asked(square, heard), device == "cuda", LARGEST_BATCH)


def calls_held(rows: Mapping[int, float]) -> int:
    """Return how many calls of 30 pictures a second a network holds: of them frames are drawn before the next is due.

    `rows`: milliseconds that a batch takes, by its size; two of them at least.
    """
    takes_s = between(rows)

    def holds(calls: int) -> bool:
        drawn = simulate_frames(calls, SIMULATED_S, takes_s)
        in_time = sum(frame.waited_s + frame.took_s <= 1 / FPS for frame in drawn)
        return in_time >= IN_TIME * len(drawn)

    # What it draws in its largest batch, back to back, is the most there can be.
    most = min(MOST_CALLS, int(max(1e3 * size / took for size, took in rows.items()) / FPS))
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    arguments.add_argument("--compiled", action="store_true", help="let torch compile the networks first (minutes)")
    arguments.add_argument("--budget", type=float, default=420.0, help="seconds; rows that do not fit are left out")
    arguments.add_argument("--seconds", type=float, default=3.0, help="that each row is measured on a GPU (default 3)")
    arguments.add_argument("--tier", action="append", choices=TIERS, help="only this one")
    arguments.add_argument(
        "--weights", type=Path, help="a folder to keep the seeded weights in, and to find them again"
    )
    chosen = arguments.parse_args()
    report.finish(measure(chosen), BARS, chosen.json)


def measure(chosen: argparse.Namespace) -> dict[str, float]:
    """Print the tables; return the figures."""
    import torch  # noqa: PLC0415

    until_s = time.monotonic() + chosen.budget
    device = chosen.device or ("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device == "cuda"
    print(f"on {torch.cuda.get_device_name() if on_gpu else 'the CPU'}, torch {torch.__version__}")
    engine = "torch" if not on_gpu else "torch-cuda-compiled" if chosen.compiled else "torch-cuda"
    figures: dict[str, float] = {}
    for tier in chosen.tier or TIERS:
        print(f"\n{tier}, {engine.removesuffix('-compiled') if tier == 'musetalk' else engine}", flush=True)
        with _opened(tier, device, engine, chosen.weights) as batched:
            wanted = [size for size in GPU_SIZES if size <= batched.largest]
            rows = rows_of(batched, wanted if on_gpu else CPU_SIZES, until_s, chosen.seconds if on_gpu else None)
        missing = [size for size in wanted if size not in {row.batch for row in rows}]
        if missing:
            print(f"missing: batches of {', '.join(map(str, missing))}")
        by_size = {row.batch: row.median_ms for row in rows}
        figures |= {f"{tier}_batch_{row.batch}_ms": row.median_ms for row in rows}
        if rows:
            figures[f"{tier}_memory_mb"] = rows[-1].memory_mb
        if len(rows) > 1:
            figures[f"{tier}_calls"] = calls_held(by_size)
    return figures


def _opened(tier: str, device: str, engine: str, folder: Path | None) -> contextlib.AbstractContextManager[Batched]:
    if tier == "standard":
        return standard(device, engine)
    return portrait(device, engine, folder) if tier == "portrait" else musetalk(device, folder)


def rows_of(batched: Batched, sizes: Sequence[int], until_s: float, seconds: float | None) -> list[Row]:
    """Return what was measured of some sizes, until there is no time or no memory for more.

    `seconds`: that each is measured; None: once each, and none that would take a CPU longer than `ROW_S`.
    """
    rows: list[Row] = []
    for size in sizes:
        expected_s = 2 * rows[-1].median_ms / 1e3 if rows else seconds or 0.0
        if time.monotonic() + expected_s + (seconds or 0.0) > until_s or (seconds is None and expected_s > ROW_S):
            break
        try:
            row = batched.measure(size, seconds or 0.0)
        except GpuMemoryError as error:
            print(f"batch {size}: {error}")
            break
        rows.append(row)
        print(
            f"batch {size:2}: {row.median_ms:9.1f} ms (p95 {row.p95_ms:.1f}), {row.median_ms / size:.1f} a picture, "
            f"{1e3 * size / row.median_ms:.1f} pictures a second, {row.memory_mb:.0f} MB",
            flush=True,
        )
    return rows


if __name__ == "__main__":
    main()
