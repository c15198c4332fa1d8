"""Training frames as the exported decoder takes them: what it is checked, calibrated and measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avatar.generator.engines.engine import FrameInput, Latents
from avatar.generator.network import FaceNetwork
from avatar.generator.network_export import FrameEncoder, centred
from avatar.generator.network_input import REGIONS, head_seam
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.generator.tuning.pairs import PairBatch, PairBatches
from avatar.types import F32, U8

Arrays = dict[str, F32 | U8]


@dataclass(frozen=True, slots=True)
class DecoderExample:
    """One frame as the exported decoder takes it, and as it should become."""

    inputs: Arrays
    moved: U8
    """(S, S, 3)."""
    face: Tensor
    """(S, S), bool."""
    target: Tensor
    """(1, 3, S, S), -1..1."""


def frames(clips: Sequence[PackedClip], network: FaceNetwork, *, seed: int) -> Iterator[DecoderExample]:
    """Yield training frames, one at a time, endlessly."""
    batches = PairBatches(clips, batch=4, seed=seed)
    for number in range(len(batches)):
        yield from single_frames(batches[number], network)


def single_frames(batch: PairBatch, network: FaceNetwork) -> Iterator[DecoderExample]:
    """Yield each picture of a batch."""
    encoder = FrameEncoder(network)
    with torch.no_grad():
        latents = [encoder(torch.from_numpy(photo[None])) for photo in batch.references]
    for index, lead in enumerate(batch.lead.tolist()):
        regions = np.ascontiguousarray(np.moveaxis(batch.regions[index], -1, 0))
        frame = FrameInput(
            moved=batch.moved[index],
            nearest=batch.lead_moved[index],
            regions=regions,
            seam=head_seam(regions),
            grid=batch.grid[index],
            latents=Latents(*(part.numpy() for part in latents[lead])),
            condition=batch.condition[index],
        )
        face = torch.from_numpy(regions[REGIONS.index("face")] > 127)
        target = centred(torch.from_numpy(batch.target[index : index + 1]))
        yield DecoderExample(frame.by_name(), frame.moved, face, target)
