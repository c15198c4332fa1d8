"""Models that others publish, by name: what is here of them, and how each is fetched."""

from __future__ import annotations

from pathlib import Path

from avatar.commands import musetalk_models, portrait_models
from avatar.commands.licences import megabytes
from avatar.errors import ModelError
from avatar.models.hub import PUBLISHED, PublishedModel


def is_fetched(name: str) -> bool:
    """Tell whether a model of `PUBLISHED` is ready to draw."""
    if name == "musetalk":
        return musetalk_models.is_fetched()
    return portrait_models.is_fetched()


def state_of(model: PublishedModel) -> str:
    """Return what a list of models says of one."""
    there = "present" if is_fetched(model.name) else "not fetched"
    licences = ", ".join(dict.fromkeys(one.licence for one in model.with_others))
    return (
        f"{model.name}: {there}, {megabytes(model):.0f} MB, {licences}, fetched on your word only\n"
        f"  {model.origin}\n  avatar models pull {model.name}"
    )


def pull_published_model(name: str, *, accepted: bool, onnx: Path | None) -> None:
    """Fetch a model of `PUBLISHED` unless it is here, on the user's word.

    `onnx`: the folder of LivePortrait's networks as ONNX files, which are used in their place.

    Raises:
        ModelError: the user does not accept a licence, a package is missing, or something cannot be fetched or read.
    """
    if name != "musetalk":
        portrait_models.pull_portrait(PUBLISHED[name], accepted=accepted, onnx=onnx)
        return
    if onnx is not None:
        raise ModelError("MuseTalk runs on torch alone: --onnx is for liveportrait.")
    musetalk_models.pull_musetalk(PUBLISHED[name], accepted=accepted)
