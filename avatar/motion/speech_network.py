"""The network that moves a mouth by speech: frames of features in, mouth coefficients out, causal, in numpy.

    features (40 log-mel bands, or more) -> conv 3 -> 8 residual blocks (conv 3, dilated; 1 x 1)
             -> bottleneck (32, tanh) = the speech embedding
             -> mouth coefficients (27) | closure (1) | class of mouth (7)

Every convolution looks back only. What comes out at frame k is the mouth at frame `k - AHEAD_FRAMES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.perception.speech.log_mel import BANDS
from avatar.types import BLENDSHAPE_INDEX, F32

MOUTH: Final = tuple(range(BLENDSHAPE_INDEX["jawForward"], BLENDSHAPE_INDEX["mouthUpperUpRight"] + 1))
"""The 27 coefficients of `BLENDSHAPES` that speech moves: jaw and mouth."""
CLASSES: Final = ("silence", "closed", "lip_teeth", "rounded", "wide", "open", "other")
"""What a mouth does: nothing, p b m, f v, oo oh w, ee, open vowels, all else."""
EMBEDDING: Final = 32
"""Length of the speech embedding."""
AHEAD_FRAMES: Final = 9
"""How many frames (10 ms) of the future the network has taken when it answers with a mouth."""
DILATIONS: Final = (1, 2, 4, 8, 1, 2, 4, 16)
SILENT_START: Final = 128
"""Before its first frame the network has taken so many frames of silence."""
MAX_WIDTH: Final = 256
MAX_SIZE: Final = 4096
"""Of the input."""


@dataclass(frozen=True, slots=True)
class Mouths:
    """What the network says of n frames."""

    coefficients: F32
    """(n, 27), change from rest of the coefficients `MOUTH`."""
    closure: F32
    """(n,), 0..1: lips that touch for p, b, m."""
    posterior: F32
    """(n, 7), probabilities of `CLASSES`."""


def shapes(width: int, size: int = BANDS) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of a network with `width` channels that takes `size` numbers a frame."""
    layers: dict[str, tuple[int, ...]] = {"enter": (width, size, 3), "squeeze": (EMBEDDING, width)}
    for index in range(len(DILATIONS)):
        layers |= {f"blocks.{index}.look": (width, width, 3), f"blocks.{index}.mix": (width, width, 1)}
    layers |= {"mouth": (len(MOUTH), EMBEDDING), "closed": (1, EMBEDDING), "kind": (len(CLASSES), EMBEDDING)}
    biases = {f"{name}.bias": shape[:1] for name, shape in layers.items()}
    return {f"{name}.weight": shape for name, shape in layers.items()} | biases


def fits(weights: dict[str, F32]) -> bool:
    """Whether these are the weights of such a network, of any sensible width and input, all finite."""
    width, size = len(weights.get("enter.bias", ())), input_size(weights)
    found = {name: array.shape for name, array in weights.items()}
    sensible = 0 < width <= MAX_WIDTH and 0 < size <= MAX_SIZE
    return sensible and found == shapes(width, size) and all(np.isfinite(a).all() for a in weights.values())


def input_size(weights: dict[str, F32]) -> int:
    """Return how many numbers a frame has that a network with these weights takes; 0 where they are of another one."""
    entrance = weights.get("enter.weight")
    return entrance.shape[1] if entrance is not None and entrance.ndim == 3 else 0


class SpeechNetwork:
    """One stream through the network; its past input is kept between calls. Not for several threads at once."""

    def __init__(self, weights: dict[str, F32], silence: F32) -> None:
        """Take weights by name, and what silence sounds like: a frame (size,)."""
        self._enter = _Convolution(weights, "enter", 1)
        self._blocks = [
            (_Convolution(weights, f"blocks.{index}.look", dilation), *_dense(weights, f"blocks.{index}.mix"))
            for index, dilation in enumerate(DILATIONS)
        ]
        self._squeeze = _dense(weights, "squeeze")
        self._mouth, self._closed, self._kind = (_dense(weights, name) for name in ("mouth", "closed", "kind"))
        self.push(np.tile(silence, (SILENT_START, 1)))
        self._quiet = [convolution.past for convolution in self._convolutions()]

    def reset(self) -> None:
        """Forget the past input: there was silence before."""
        for convolution, past in zip(self._convolutions(), self._quiet, strict=True):
            convolution.past = past

    def _convolutions(self) -> list[_Convolution]:
        return [self._enter, *(look for look, _, _ in self._blocks)]

    def push(self, features: F32) -> Mouths:
        """Take (n, size) frames; return the n mouths `AHEAD_FRAMES` before them."""
        return self.push_embedded(features)[0]

    def push_embedded(self, features: F32) -> tuple[Mouths, F32]:
        """Do the same; return the speech embeddings (n, 32), -1..1, beside the mouths."""
        x = np.maximum(self._enter.push(features), 0)
        for look, weight, bias in self._blocks:
            x = x + np.maximum(look.push(x), 0) @ weight + bias
        embedding = np.tanh(_apply(np.maximum(x, 0), self._squeeze))
        scores = _apply(embedding, self._kind)
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        mouths = Mouths(
            coefficients=_apply(embedding, self._mouth),
            closure=np.asarray(1 / (1 + np.exp(-_apply(embedding, self._closed)[:, 0])), np.float32),
            posterior=likely / likely.sum(axis=1, keepdims=True),
        )
        return mouths, embedding


class _Convolution:
    """A causal convolution over time of width 3 that remembers the frames before."""

    def __init__(self, weights: dict[str, F32], name: str, dilation: int) -> None:
        kernel = weights[f"{name}.weight"]  # (out, in, 3)
        self._taps = [np.ascontiguousarray(kernel[:, :, tap].T) for tap in range(3)]
        self._bias = weights[f"{name}.bias"]
        self._dilation = dilation
        self.past = np.zeros((2 * dilation, self._taps[0].shape[0]), np.float32)

    def push(self, x: F32) -> F32:
        joined = np.concatenate([self.past, x])
        count, step = len(x), self._dilation
        self.past = joined[count:]
        old, middle, new = self._taps
        return joined[:count] @ old + joined[step : count + step] @ middle + x @ new + self._bias


def _dense(weights: dict[str, F32], name: str) -> tuple[F32, F32]:
    kernel = weights[f"{name}.weight"]
    return np.ascontiguousarray(kernel.reshape(kernel.shape[0], -1).T), weights[f"{name}.bias"]


def _apply(x: F32, dense: tuple[F32, F32]) -> F32:
    return np.asarray(x @ dense[0] + dense[1], np.float32)
