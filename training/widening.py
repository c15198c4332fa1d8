"""Widens a narrow network's weights into a wide network with the same output: where a larger tier's training begins.

Every channel is there twice, and whatever takes channels in shares each weight between the two: Net2Net (Chen,
Goodfellow, Shlens, "Accelerating learning via knowledge transfer", ICLR 2016). The shares are drawn by chance, or twins
would learn the same for ever.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from avatar.errors import TrainingError
from avatar.generator.network import SIZES, FaceNetwork

SPREAD: Final = 0.1
"""Standard deviation of a twin's share of a weight, around a half."""


def widened(weights: dict[str, Tensor], tier: str, seed: int) -> dict[str, Tensor]:
    """Return the weights of a `tier` that draws what `weights` draw; its channels are as many or twice as many.

    Raises:
        TrainingError: there is no such tier, or it is not the same network made wider.
    """
    if tier not in SIZES:
        raise TrainingError(f"There is no tier {tier!r}: choose one of {', '.join(SIZES)}.")
    chance = torch.Generator().manual_seed(seed)
    wanted = {name: value.shape for name, value in FaceNetwork(SIZES[tier]).state_dict().items()}
    if wanted.keys() != weights.keys():
        raise TrainingError(f"The weights are not of a network that could be widened to tier {tier!r}.")
    return {name: _widened(name, value, wanted[name], chance) for name, value in weights.items()}


def _widened(name: str, value: Tensor, wanted: torch.Size, chance: torch.Generator) -> Tensor:
    """Return one layer's weight (out, in, ...) or bias (out,) for a wider network's shape."""
    growth = [wide / narrow for wide, narrow in zip(wanted, value.shape, strict=True)]
    if any(factor not in (1, 2) for factor in growth[:2]) or any(factor != 1 for factor in growth[2:]):
        raise TrainingError(f"{name} has the shape {tuple(value.shape)}: it does not widen to {tuple(wanted)}.")
    if growth[0] == 2:
        # What a FiLM says is gains first, then offsets: twins lie side by side within each.
        parts = value.chunk(2) if ".film." in name else (value,)
        value = torch.cat([torch.cat([part, part]) for part in parts])
    if growth[1:2] == [2]:
        share = 0.5 + SPREAD * torch.randn(value.shape, generator=chance)
        value = torch.cat([share * value, (1 - share) * value], dim=1)
    return value
