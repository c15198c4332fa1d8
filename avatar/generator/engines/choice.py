"""Which engine runs the network here: the fastest that works, or the one that was asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Final

from avatar.errors import AvatarError, ModelError
from avatar.generator.engines.batching_engine import BatchingEngine
from avatar.generator.engines.engine import Engine
from avatar.generator.engines.first_working import first_working
from avatar.generator.engines.onnxruntime_engine import OnnxRuntimeEngine
from avatar.generator.engines.openvino_engine import OpenVinoEngine
from avatar.generator.engines.torch_engine import TorchEngine
from avatar.generator.network_files import NetworkFiles, network_files

MOST_THREADS: Final = 4
"""More do not make one frame of the small network faster."""

_Maker = Callable[[NetworkFiles, int], Engine]
ENGINES: Final[dict[str, _Maker]] = {
    "onnxruntime-tensorrt": lambda files, threads: OnnxRuntimeEngine("onnxruntime-tensorrt", files, threads),
    "onnxruntime-cuda": lambda files, threads: OnnxRuntimeEngine("onnxruntime-cuda", files, threads),
    "torch-cuda": lambda files, threads: BatchingEngine(TorchEngine("torch-cuda", files, threads)),
    "torch-cuda-compiled": lambda files, threads: BatchingEngine(TorchEngine("torch-cuda-compiled", files, threads)),
    "openvino": OpenVinoEngine,
    "onnxruntime": lambda files, threads: OnnxRuntimeEngine("onnxruntime", files, threads),
    "torch": lambda files, threads: TorchEngine("torch", files, threads),
}
"""By name, as they can be forced."""
PREFERRED: Final = ("torch-cuda", "onnxruntime-cuda", "openvino", "onnxruntime")
"""In this order where none is forced: GPUs first, then what measured fastest on CPUs. TensorRT and torch's
compiler take minutes and torch on a CPU is slow, so these want asking for."""

_log = logging.getLogger(__name__)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """Return how many threads one frame gets: half of the cores, the rest follows the camera and encodes."""
    return max(1, min(MOST_THREADS, available_cores() // 2))


@cache
def load_engine(tier: str, name: str = "auto") -> Engine:
    """Return a tier's network on an engine, loaded once per process.

    A forced engine that does not work gives way to the preferred ones; the log says so once.

    Raises:
        ModelError: there is no such engine, the tier's files are missing or damaged, or no engine works here; the
            message says what each answered.
    """
    if name != "auto" and name not in ENGINES:
        raise ModelError(f"There is no engine {name!r}: choose auto or one of {', '.join(ENGINES)}.")
    files, threads = network_files(tier), default_threads()
    engine, answers = first_working(
        dict.fromkeys((*(() if name == "auto" else (name,)), *PREFERRED)),
        lambda candidate: ENGINES[candidate](files, threads),
        failures=(ImportError, RuntimeError, OSError, AvatarError),
    )
    if engine is None:
        raise ModelError(f"No engine can run tier {tier!r} here. " + "; ".join(answers))
    if name != "auto" and answers:
        _log.warning("The engine %s does not work here, %s runs instead (%s)", name, engine.name, answers[0])
    return engine
