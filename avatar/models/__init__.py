"""The model store: public model files, fetched and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar import import_on_demand

if TYPE_CHECKING:
    from avatar.models.store import MODELS, ModelSpec, ModelStore, get_model, models_folder

__all__ = ["MODELS", "ModelSpec", "ModelStore", "get_model", "models_folder"]

__getattr__ = import_on_demand(
    __name__,
    {
        "MODELS": "store",
        "ModelSpec": "store",
        "ModelStore": "store",
        "get_model": "store",
        "models_folder": "store",
    },
)
