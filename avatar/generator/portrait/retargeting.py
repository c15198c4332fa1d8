"""LivePortrait's three small networks that move keypoints: so that no seam shows, and so that lips and eyes open.

Names and shapes of the parameters are those of the published checkpoint.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, cast

from torch import Tensor, nn

STITCHING: Final = (126, 128, 128, 64, 65)
"""The photo's and the driven keypoints -> 63 offsets, and 2 of all x and all y."""
LIP: Final = (65, 128, 128, 64, 63)
"""The photo's keypoints, its lips' opening and the wanted one -> 63 offsets."""
EYE: Final = (66, 256, 256, 128, 128, 64, 63)
"""The photo's keypoints, both its eyes' openings and the wanted one -> 63 offsets."""


class KeypointNetwork(nn.Module):
    """Linear layers with ReLU in between: (B, first width) -> (B, last width)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [nn.Linear(narrow, wide), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.mlp(x))
