"""`avatar models pull musetalk`: weights of others, fetched on the user's word and made ready to draw."""

from __future__ import annotations

from avatar.commands.licences import accept_licence, fetch
from avatar.commands.terminal import say
from avatar.generator.musetalk import tier
from avatar.models.hub import PublishedModel
from avatar.models.store import models_folder


def is_fetched() -> bool:
    """Tell whether all of MuseTalk's weights are here."""
    return tier.is_fetched()


def pull_musetalk(model: PublishedModel, *, accepted: bool) -> None:
    """Fetch the weights unless they are here, and keep those that come as a torch file as safetensors.

    Raises:
        ModelError: the user does not accept a licence, a package is missing, or something cannot be fetched or read.
    """
    if not is_fetched():
        accept_licence(model, accepted=accepted)
        tier.require_packages()
        from avatar.generator.musetalk.checkpoints import CHECKPOINT, convert_unet  # noqa: PLC0415 - imports torch

        for other in model.also:
            fetch(other, models_folder() / other.into)
        folder = tier.musetalk_folder()
        fetch(model, folder)
        convert_unet(folder, folder / "unet")
        (folder / CHECKPOINT).unlink()  # the record of it stays
        tier.load_musetalk.cache_clear()
    say(f"{model.name}: {tier.musetalk_folder()}")
