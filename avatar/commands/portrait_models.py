"""`avatar models pull liveportrait`: weights of others, fetched on the user's word and made ready to draw."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from avatar.commands.licences import accept_licence, fetch
from avatar.commands.progress import ProgressBar
from avatar.commands.terminal import say
from avatar.errors import ModelError
from avatar.generator.engines.choice import default_threads
from avatar.generator.portrait.tier import MAP, WEIGHTS, load_networks, record_onnx, recorded_onnx, require_torch
from avatar.models.hub import PublishedModel
from avatar.models.store import models_folder

FITTED_ON: Final = 3
"""Built-in faces whose pictures the motion extractor is shown: more say the same."""
FITTED_SIZE: Final = (512, 512)


def is_fetched() -> bool:
    """Tell whether LivePortrait's weights are here, or ONNX files of the user's own."""
    return (models_folder() / WEIGHTS).is_file() or recorded_onnx() is not None


def pull_portrait(model: PublishedModel, *, accepted: bool, onnx: Path | None = None) -> None:
    """Fetch the checkpoints unless they are here, keep them as safetensors, and fit our motion to them.

    `onnx`: the folder of files that are used in their place; nothing is fetched then.

    Raises:
        ModelError: the user does not accept the licence, torch is missing, or something cannot be fetched or read.
    """
    if onnx is not None:
        _use_onnx(onnx)
        return
    weights, fitted = models_folder() / WEIGHTS, models_folder() / MAP
    if not weights.is_file():
        accept_licence(model, accepted=accepted)
        require_torch()
        _fetch(model, weights)
    if not fitted.is_file():
        _fit_map(fitted)
    say(f"{model.name}: {weights}")


def _use_onnx(folder: Path) -> None:
    """Draw with ONNX files that are on this machine, and fit our motion to them.

    Raises:
        ModelError: one is missing, damaged, or another network's, or ONNX Runtime cannot run them.
    """
    from avatar.generator.portrait.onnx_engine import OnnxPortraitEngine, onnx_folder  # noqa: PLC0415

    try:
        OnnxPortraitEngine(folder, "onnxruntime", default_threads())
    except (ImportError, RuntimeError) as error:
        raise ModelError(f"ONNX Runtime cannot run the files of {folder}: {error}") from error
    record_onnx(folder)
    load_networks.cache_clear()
    _fit_map(models_folder() / MAP)
    say(f"liveportrait: the ONNX files of {onnx_folder(folder)}")


def _fetch(model: PublishedModel, weights: Path) -> None:
    from avatar.generator.portrait.checkpoints import convert_checkpoints  # noqa: PLC0415 - imports torch

    folder = models_folder() / model.name
    fetch(model, folder)
    convert_checkpoints(folder, weights)
    for file in model.files:  # the record of them stays
        (folder / file).unlink()


def _fit_map(into: Path) -> None:
    """Fit the map of our motion to LivePortrait's, by what it sees in pictures of built-in faces."""
    from avatar.generator.portrait.expression_map import write_map  # noqa: PLC0415
    from avatar.generator.portrait.fitting import fit_to_extractor  # noqa: PLC0415
    from avatar.generator.tiers import open_generator  # noqa: PLC0415
    from avatar.identities.builtin import builtin_faces  # noqa: PLC0415
    from avatar.identities.open import open_identity  # noqa: PLC0415

    engine = load_networks("auto")
    people = [open_identity(face.id) for face in builtin_faces()[:FITTED_ON]]
    with ProgressBar("Fitting motion to it", "pictures") as bar:
        fitted = fit_to_extractor(engine, people, lambda person: open_generator(person, FITTED_SIZE), bar.update)
    write_map(into, fitted)
