"""Numpy batches to tensors on the device that trains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar.generator.tuning.pairs import PairBatch
from avatar.types import U8


@dataclass(frozen=True, slots=True)
class BatchTensors:
    """A `PairBatch` as the network takes it: channels first, pictures -1..1, regions 0..1."""

    references: Tensor
    """(R, 3, S, S)."""
    lead: Tensor
    """(B,)."""
    moved: Tensor
    """The geometry tier's answer (B, 3, S, S)."""
    nearest: Tensor
    """The nearest photos, moved (B, 3, S, S)."""
    regions: Tensor
    """(B, 5, S, S)."""
    grid: Tensor
    """(B, S/4, S/4, 2)."""
    condition: Tensor
    """(B, 55)."""
    target: Tensor
    """(B, 3, S, S)."""
    sharp: Tensor
    """(B,), 1 where the target's footage is fine enough to teach sharpness, else 0."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The network's inputs, in its order."""
        return self.references, self.lead, self.moved, self.nearest, self.regions, self.grid, self.condition


def to_tensors(batch: PairBatch, device: torch.device) -> BatchTensors:
    """Copy a batch to a device."""

    def channels_first(picture: U8) -> Tensor:
        # Bytes travel, floats are made on the device.
        return torch.from_numpy(picture).to(device).permute(0, 3, 1, 2).float()

    def centred(picture: U8) -> Tensor:
        return channels_first(picture) / 127.5 - 1

    return BatchTensors(
        references=centred(batch.references),
        lead=torch.from_numpy(batch.lead).to(device),
        moved=centred(batch.moved),
        nearest=centred(batch.lead_moved),
        regions=channels_first(batch.regions) / 255,
        grid=torch.from_numpy(batch.grid).to(device),
        condition=torch.from_numpy(batch.condition).to(device),
        target=centred(batch.target),
        sharp=torch.from_numpy(batch.sharp).to(device).float(),
    )
