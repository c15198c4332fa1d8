"""Opens the `portrait` tier: what it needs is looked for here, before torch or ONNX Runtime are imported."""

from __future__ import annotations

import importlib.util
import json
import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

from avatar.config import Background
from avatar.errors import ModelError
from avatar.generator.engines.choice import default_threads
from avatar.generator.engines.first_working import first_working
from avatar.generator.identity import Identity
from avatar.generator.portrait.expression_map import ExpressionMap, read_map, unfitted_map
from avatar.generator.portrait.generator import PortraitGenerator
from avatar.generator.portrait.portrait_motion import PortraitDrawer
from avatar.generator.protocol import Generator
from avatar.models.store import models_folder
from avatar.models.tensor_file import write_whole

WEIGHTS: Final = "liveportrait.safetensors"
MAP: Final = "liveportrait-map.safetensors"
ONNX: Final = "liveportrait-onnx.json"
"""Says which folder a user's own ONNX files lie in."""
AUTOMATIC: Final = ("torch-cuda", "onnxruntime-cuda", "torch", "onnxruntime")
"""In this order where none is asked for."""
ENGINES: Final = (*AUTOMATIC, "torch-cuda-compiled", "onnxruntime-tensorrt")
"""The last two compile for minutes, so they want asking for."""

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
    return PortraitGenerator(identity, picture_size, loaded, expression_map, background)


def load_portrait(engine: str) -> tuple[PortraitDrawer[Any], ExpressionMap]:
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
def load_networks(engine: str) -> PortraitDrawer[Any]:
    """Return the networks on an engine, one of `ENGINES` or `auto`, loaded once per process.

    Raises:
        ModelError: torch or the weights are missing or damaged, there is no such engine, or none works here.
    """
    if engine not in ("auto", *ENGINES):
        raise ModelError(f"The tier portrait runs on {', '.join(ENGINES)}, not on {engine}.")
    weights, onnx = models_folder() / WEIGHTS, recorded_onnx()
    if not weights.is_file() and onnx is None:
        raise ModelError("LivePortrait's weights are not on this machine. Fetch them: avatar models pull liveportrait")
    loaded, answers = first_working(
        AUTOMATIC if engine == "auto" else (engine,),
        lambda name: _on_torch(name, weights) if name.startswith("torch") else _on_onnxruntime(name, onnx),
    )
    if loaded is None:
        raise ModelError(f"LivePortrait's networks run on nothing here. {'; '.join(answers)}")
    if answers and loaded.name in ("torch", "onnxruntime"):
        _log.warning("LivePortrait draws on the CPU, seconds a picture (%s).", "; ".join(answers))
    return loaded


def record_onnx(folder: Path) -> None:
    """Keep in mind where a user's own ONNX files lie. Raises OSError."""
    write_whole(models_folder() / ONNX, json.dumps({"folder": str(folder.resolve())}).encode())


def recorded_onnx() -> Path | None:
    """Return the folder of a user's own ONNX files; None where there is none.

    Raises:
        ModelError: what says so is damaged.
    """
    path = models_folder() / ONNX
    try:
        return Path(str(json.loads(path.read_bytes())["folder"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged: remove it, then avatar models pull liveportrait --onnx DIR.") from error


def _on_torch(name: str, weights: Path) -> PortraitDrawer[Any]:
    if not weights.is_file():
        raise RuntimeError("the weights for torch are missing: avatar models pull liveportrait")
    require_torch()
    from avatar.generator.portrait.engine import PortraitEngine  # noqa: PLC0415 - imports torch

    device = "cuda" if name.startswith("torch-cuda") else "cpu"
    return PortraitEngine(weights, device, default_threads(), compiled=name.endswith("compiled"))


def _on_onnxruntime(name: str, folder: Path | None) -> PortraitDrawer[Any]:
    if folder is None:
        raise RuntimeError("no ONNX files are known: avatar models pull liveportrait --onnx DIR")
    from avatar.generator.portrait.onnx_engine import OnnxPortraitEngine  # noqa: PLC0415 - only where it is chosen

    return OnnxPortraitEngine(folder, name, default_threads())
