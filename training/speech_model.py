"""The speech network in torch, for training: what `avatar/motion/speech_network.py` runs in numpy."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from avatar.motion.speech_network import CLASSES, DILATIONS, EMBEDDING, MOUTH
from avatar.perception.speech.log_mel import BANDS

DROPPED: Final = 0.1
"""Share of each block's numbers that are left out in training."""


class Block(nn.Module):
    """Looks back with a gap, mixes, adds."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.look = nn.Conv1d(width, width, 3, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.past = 2 * dilation
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Take and return (batch, width, frames)."""
        y = functional.relu(self.look(functional.pad(x, (self.past, 0))))
        return x + self.mix(functional.dropout(y, DROPPED, self.training))


class SpeechModel(nn.Module):
    """Parameter names are those of the shipped weights."""

    def __init__(self, width: int = 128, size: int = BANDS) -> None:
        """Make one with `width` channels for features of `size` numbers a frame."""
        super().__init__()
        self.enter = nn.Conv1d(size, width, 3)
        self.blocks = nn.ModuleList(Block(width, dilation) for dilation in DILATIONS)
        self.squeeze = nn.Linear(width, EMBEDDING)
        self.mouth = nn.Linear(EMBEDDING, len(MOUTH))
        self.closed = nn.Linear(EMBEDDING, 1)
        self.kind = nn.Linear(EMBEDDING, len(CLASSES))

    def forward(self, heard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take (batch, frames, size); return mouths (batch, frames, 27), closure and class scores before squashing.

        What stands at frame k belongs to frame `k - AHEAD_FRAMES` of the sound.
        """
        x = functional.relu(self.enter(functional.pad(heard.transpose(1, 2), (2, 0))))
        for block in self.blocks:
            x = block(x)
        embedding = torch.tanh(self.squeeze(functional.relu(x).transpose(1, 2)))
        return self.mouth(embedding), self.closed(embedding)[..., 0], self.kind(embedding)
