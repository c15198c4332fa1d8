"""MediaPipe's blendshape network, laid out for OpenVINO: an MLP-Mixer over landmarks.

A mixer (Tolstikhin et al. 2021, https://arxiv.org/abs/2105.01601) takes rows of channels, its tokens, and in each block
mixes first between tokens, then between channels. Here 96 tokens are made of 146 landmarks, and one more collects the
answer. The model file has every layer as a convolution of a picture with turns between them. With the same weights as
matrix products there is nothing to turn, and of the last block only the row that the answer is read from is computed:
three quarters of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from avatar.types import F32

BLOCKS: Final = 4
LEAST_VARIANCE: Final = 1e-6
"""Added to the variance where rows are normalized, as in the model file."""
SCALE: Final = 0.5
"""The landmarks' mean distance from their middle, as the network is shown them."""


def blendshape_network(original: Any, points: int) -> Any:
    """Return an OpenVINO model of (1, points, 2) landmarks that answers (52,) like `original`, the model file's.

    Raises:
        ValueError: the original has other weights than those of a mixer of four blocks.
    """
    import openvino  # noqa: PLC0415 - 150 ms, and only where a face is followed

    layers = _Layers(openvino.opset13, _weights_of(original))
    shown = openvino.opset13.parameter([1, points, 2], np.float32)
    rows = layers.embed(layers.normalized_landmarks(shown))
    for _ in range(BLOCKS - 1):
        rows = layers.block(rows)
    answer = layers.answer(layers.block(rows, only_first=True))
    if layers.left:
        raise ValueError(f"The blendshape network has {layers.left} weights more than a mixer of {BLOCKS} blocks.")
    return openvino.Model([openvino.opset13.result(answer)], [shown], "blendshapes")


def _weights_of(original: Any) -> list[F32]:
    """Return the original's weights in the order in which they are used, biases and factors as vectors."""
    held = [layer for layer in original.get_ordered_ops() if layer.get_type_name() == "Constant"]
    arrays = [np.asarray(layer.data) for layer in held]
    # Shapes, axes and single numbers are no weights.
    return [array.astype(np.float32).squeeze() for array in arrays if array.size > 8 and array.dtype.kind == "f"]


class _Layers:
    """The mixer's layers, each of which takes its weights in turn."""

    def __init__(self, opset: Any, weights: list[F32]) -> None:
        self._opset = opset
        self._weights: Iterator[F32] = iter(weights)
        self.left = len(weights)

    def normalized_landmarks(self, points: Any) -> Any:
        """Return (1, n, 2) points about their middle, their mean distance from it `SCALE`."""
        ops = self._opset
        along = ops.constant(np.array([1], np.int64))
        centred = ops.subtract(points, ops.reduce_mean(points, along, keep_dims=True))
        squares = ops.reduce_sum(ops.multiply(centred, centred), ops.constant(np.array([2], np.int64)), keep_dims=True)
        distance = ops.reduce_mean(ops.sqrt(squares), along, keep_dims=True)
        return ops.divide(ops.multiply(centred, self._constant(np.float32(SCALE))), distance)

    def embed(self, points: Any) -> Any:
        """Return (1, 97, 64): the row of the answer, then what 96 mixtures of the points are as channels."""
        first_row = self._constant(self._next().reshape(1, 1, -1))
        return self._opset.concat([first_row, self._rows(self._columns(points))], 1)

    def block(self, rows: Any, *, only_first: bool = False) -> Any:
        """Return the rows (1, 97, 64) mixed with each other, then the channels of each; or only the first row."""
        ops = self._opset
        mixed = self._columns(ops.relu(self._columns(self._normalized(rows))), only_first=only_first)
        if only_first:
            zero, one = (ops.constant(np.array([number], np.int64)) for number in (0, 1))
            rows = ops.slice(rows, zero, one, one, one)
        rows = ops.add(rows, mixed)
        return ops.add(rows, self._rows(ops.relu(self._rows(self._normalized(rows)))))

    def answer(self, row: Any) -> Any:
        """Return the 52 coefficients, 0..1, of one row (1, 1, 64)."""
        flat = self._opset.constant(np.array([-1], np.int64))
        return self._opset.reshape(self._opset.sigmoid(self._rows(row)), flat, special_zero=False)

    def _normalized(self, rows: Any) -> Any:
        along = self._opset.constant(np.array([-1], np.int64))
        unit = self._opset.mvn(rows, along, normalize_variance=True, eps=LEAST_VARIANCE, eps_mode="inside_sqrt")
        return self._opset.multiply(unit, self._constant(self._next()))

    def _columns(self, rows: Any, *, only_first: bool = False) -> Any:
        """Return each channel's column of rows put through a layer; `only_first`: the first row of what comes out."""
        count = 1 if only_first else None
        weights, bias = self._next()[:count], self._next()[:count, None]
        product = self._opset.matmul(self._constant(weights), rows, transpose_a=False, transpose_b=False)
        return self._opset.add(product, self._constant(bias))

    def _rows(self, rows: Any) -> Any:
        """Return each row of channels put through a layer."""
        weights, bias = self._next(), self._next()
        product = self._opset.matmul(rows, self._constant(weights), transpose_a=False, transpose_b=True)
        return self._opset.add(product, self._constant(bias))

    def _next(self) -> F32:
        weights = next(self._weights, None)
        if weights is None:
            raise ValueError(f"The blendshape network has fewer weights than a mixer of {BLOCKS} blocks.")
        self.left -= 1
        return weights

    def _constant(self, values: Any) -> Any:
        return self._opset.constant(np.ascontiguousarray(values, np.float32))
