"""Blendshapes of a face that is followed, by a small network of our own that MediaPipe's has taught.

MediaPipe's network (`blendshape_network`) mixes 97 tokens in four blocks, which takes longer than all else between the
landmarks of a frame and its motion. This one, fitted to the same answers (`training.distill_blendshapes`), is five
layers, and costs a quarter in a call; `models/blendshapes.md` says how near it comes. The landmarks' first mixtures
go to its last layer as well: much of a blendshape is linear in them.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np

from avatar.errors import ModelError
from avatar.perception.blendshape_network import SCALE
from avatar.perception.landmark_networks import POINTS
from avatar.resources import load_weights
from avatar.types import BLENDSHAPES, F32

WEIGHTS: Final = "blendshapes.safetensors"
MEASURED: Final = len(BLENDSHAPES) - 1
"""All but `tongueOut`, which landmarks say nothing of."""
LAYERS: Final = ("mixtures", "hidden.0", "hidden.1", "hidden.2", "answer")
"""In the order in which they follow one another; `skip` leads from the first one's numbers to the answer."""
_POINTS: Final = np.array(POINTS)
_EACH: Final = np.full(len(POINTS), 1 / len(POINTS), np.float32)
"""To take a mean by; numpy's own takes longer."""


class DistilledBlendshapes:
    """The network. Keeps nothing of a face; for any thread."""

    def __init__(self, weights: dict[str, F32]) -> None:
        """Take the weights of a weights file, each layer's `weight` (out, in) and `bias` (out,).

        Raises:
            ModelError: they are of another network.
        """
        try:
            self._layers = [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in LAYERS]
            self._skip = weights["skip.weight"]
        except KeyError as error:
            raise ModelError(f"The blendshape network's weights lack {error}.") from error
        sizes = [2 * len(POINTS), *(len(bias) for _, bias in self._layers)]
        wanted = [*((after, before) for before, after in pairwise(sizes)), (MEASURED, sizes[1])]
        if [weight.shape for weight, _ in self._layers] + [self._skip.shape] != wanted or sizes[-1] != MEASURED:
            raise ModelError("The blendshape network's weights do not fit one another.")

    def __call__(self, landmarks_px: F32) -> F32:
        """Return (52,), 0..1, in the order of `BLENDSHAPES`, of landmarks (478, 3) in any unit."""
        mixtures, *hidden, answer = self._layers
        first = numbers = mixtures[0] @ normalized(landmarks_px) + mixtures[1]
        for weight, bias in hidden:
            numbers = weight @ numbers + bias
            numbers = numbers * _logistic(numbers)
        blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
        blendshapes[:MEASURED] = _logistic(answer[0] @ numbers + self._skip @ first + answer[1])
        return blendshapes


def normalized(landmarks_px: F32) -> F32:
    """Return x and y of `POINTS` (n, ) about their middle, their mean distance from it `SCALE`, as (2 n,)."""
    points = landmarks_px.take(_POINTS, axis=0)[:, :2]
    points = points - _EACH @ points
    distance = _EACH @ np.sqrt(np.einsum("ni,ni->n", points, points))
    return np.asarray(points * (np.float32(SCALE) / max(distance, np.float32(1e-9))), np.float32).ravel()


@cache
def load_distilled() -> DistilledBlendshapes:
    """Return the network that is shipped with the package.

    Raises:
        ModelError: the weights file is missing, damaged, or another network's.
    """
    return DistilledBlendshapes({name: value.astype(np.float32) for name, value in load_weights(WEIGHTS).items()})


def _logistic(numbers: F32) -> F32:
    # Far below -80 float32 has no exponential any more.
    return np.float32(1) / (np.float32(1) + np.exp(-np.maximum(numbers, np.float32(-80))))
