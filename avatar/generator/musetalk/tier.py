"""Opens the `musetalk` tier: what it needs is looked for here, before torch, diffusers or transformers are imported."""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avatar.errors import ModelError
from avatar.generator.engines.choice import default_threads
from avatar.generator.engines.first_working import first_working
from avatar.models.store import models_folder

if TYPE_CHECKING:
    from avatar.generator.musetalk.engine import MuseTalkEngine

FOLDER: Final = "musetalk"
PARTS: Final = {
    "unet": ("config.json", "diffusion_pytorch_model.safetensors"),
    "vae": ("config.json", "diffusion_pytorch_model.safetensors"),
    "whisper": ("config.json", "preprocessor_config.json", "model.safetensors"),
}
"""Folders in it, and the files of each."""
AUTOMATIC: Final = ("torch-cuda", "torch")
"""In this order where none is asked for."""
PACKAGES: Final = ("torch", "diffusers", "transformers")

_log = logging.getLogger(__name__)


def require_packages() -> None:
    """Raise ModelError unless the packages that run the networks are installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(f"MuseTalk needs {', '.join(missing)}: pip install 'avatar[musetalk]'.")


def musetalk_folder() -> Path:
    """Return where its weights lie, or would lie."""
    return models_folder() / FOLDER


def is_fetched() -> bool:
    """Tell whether all its weights are here."""
    return all((musetalk_folder() / part / file).is_file() for part, files in PARTS.items() for file in files)


@cache
def load_musetalk(engine: str) -> MuseTalkEngine:
    """Return the networks on an engine, one of `AUTOMATIC` or `auto`, loaded once per process.

    Raises:
        ModelError: a package or the weights are missing or damaged, there is no such engine, or none works here.
    """
    if engine not in ("auto", *AUTOMATIC):
        raise ModelError(f"The tier musetalk runs on {', '.join(AUTOMATIC)}, not on {engine}.")
    if not is_fetched():
        raise ModelError("MuseTalk's weights are not on this machine. Fetch them: avatar models pull musetalk")
    require_packages()
    from avatar.generator.musetalk.engine import MuseTalkEngine  # noqa: PLC0415 - imports torch

    loaded, answers = first_working(
        AUTOMATIC if engine == "auto" else (engine,),
        lambda name: MuseTalkEngine(musetalk_folder(), "cuda" if name == "torch-cuda" else "cpu", default_threads()),
    )
    if loaded is None:
        raise ModelError(f"MuseTalk's networks run on nothing here. {'; '.join(answers)}")
    if answers:
        _log.warning("MuseTalk draws on the CPU, seconds a picture (%s).", "; ".join(answers))
    return loaded
