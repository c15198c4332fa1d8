"""Opens the `portrait` tier: what it needs is looked for here, before torch is imported."""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from typing import TYPE_CHECKING, Final

from avatar.config import Background
from avatar.errors import GpuMemoryError, ModelError
from avatar.generator.engines.choice import default_threads
from avatar.generator.identity import Identity
from avatar.generator.portrait.expression_map import ExpressionMap, read_map, unfitted_map
from avatar.generator.protocol import Generator
from avatar.models.store import models_folder

if TYPE_CHECKING:
    from avatar.generator.portrait.engine import PortraitEngine

WEIGHTS: Final = "liveportrait.safetensors"
MAP: Final = "liveportrait-map.safetensors"
ENGINES: Final = ("torch-cuda", "torch", "torch-cuda-compiled")
AUTOMATIC: Final = ENGINES[:2]
"""In this order where none is asked for; compiling takes minutes, so it wants asking for."""

_log = logging.getLogger(__name__)


def require_torch() -> None:
    """Raise ModelError unless torch is installed."""
    if importlib.util.find_spec("torch") is None:
        raise ModelError("LivePortrait's networks need torch: pip install 'avatar[portrait]'.")


def open_portrait(identity: Identity, picture_size: tuple[int, int], engine: str, background: Background) -> Generator:
    """Return a generator that draws with LivePortrait's networks; as `tiers.open_generator`.

    Raises:
        ModelError: torch or the weights are missing, or no engine can run them.
        ImageError: the picture behind the person cannot be read.
    """
    loaded, expression_map = load_portrait(engine)
    from avatar.generator.portrait.generator import PortraitGenerator  # noqa: PLC0415 - imports torch

    return PortraitGenerator(identity, picture_size, loaded, expression_map, background)


def load_portrait(engine: str) -> tuple[PortraitEngine, ExpressionMap]:
    """Return the networks on an engine, loaded once per process, and the map of our motion to theirs.

    Raises:
        ModelError: as `load_networks`; the map is damaged.
    """
    loaded, fitted = load_networks(engine), models_folder() / MAP
    if not fitted.is_file():
        _log.warning("%s is missing: only turns, lids and lips move. avatar models pull liveportrait makes it.", fitted)
        return loaded, unfitted_map()
    return loaded, read_map(fitted)


@cache
def load_networks(engine: str) -> PortraitEngine:
    """Return the networks on an engine, one of `ENGINES` or `auto`, loaded once per process.

    Raises:
        ModelError: torch or the weights are missing or damaged, there is no such engine, or none works here.
    """
    if engine not in ("auto", *ENGINES):
        raise ModelError(f"The tier portrait runs on {', '.join(ENGINES)}, not on {engine}.")
    weights = models_folder() / WEIGHTS
    if not weights.is_file():
        raise ModelError("LivePortrait's weights are not on this machine. Fetch them: avatar models pull liveportrait")
    require_torch()
    from avatar.generator.portrait.engine import PortraitEngine  # noqa: PLC0415 - imports torch

    answers = []
    for name in AUTOMATIC if engine == "auto" else (engine,):
        try:
            device = "cuda" if name.startswith("torch-cuda") else "cpu"
            loaded = PortraitEngine(weights, device, default_threads(), compiled=name.endswith("compiled"))
        except (RuntimeError, GpuMemoryError) as error:
            answers.append(f"{name}: {str(error).splitlines()[0]}")
            continue
        if answers and device == "cpu":
            _log.warning("LivePortrait draws on the CPU, seconds a picture (%s).", "; ".join(answers))
        return loaded
    raise ModelError(f"LivePortrait's networks run on nothing here. {'; '.join(answers)}")
