"""What one run of an ONNX network costs: its layers' sizes are taken from a run, its operations counted from them."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.models.telemetry import keep_telemetry_off

Shape = tuple[int, ...]
LAYERS: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""What is counted: two operations for each multiply-add. Element-wise layers, resizing and sampling are left out, as
publications do."""


def gflop(path: Path) -> float:
    """Return billions of floating-point operations of one run; an 8-bit copy counts like its original.

    Raises:
        ImportError: onnx or onnxruntime (extra `train`) is not installed.
        ValueError: the file is no ONNX network that runs here, or its inputs have no fixed size.
    """
    import onnx  # noqa: PLC0415 - an extra, only for this count

    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's own kinds of error
        raise ValueError(f"{path} is no ONNX network: {error}") from error
    layers = [node for node in model.graph.node if node.op_type in LAYERS]
    shapes = _run_for_shapes(model, {name for node in layers for name in (*node.input[:2], node.output[0])})
    return 2e-9 * sum(
        multiply_adds(
            node.op_type,
            shapes[node.input[0]],
            shapes[node.input[1]],
            shapes[node.output[0]],
            turned=any(item.name == "transA" and item.i for item in node.attribute),
        )
        for node in layers
    )


def multiply_adds(kind: str, source: Shape, weight: Shape, output: Shape, *, turned: bool = False) -> int:
    """Return the multiply-adds of one layer from the sizes of its input, weights and output.

    `turned`: a Gemm's first factor is transposed.
    """
    if kind == "Conv":
        return prod(output) * prod(weight[1:])
    if kind == "ConvTranspose":
        return prod(source) * prod(weight[1:])
    return prod(output) * source[0 if turned else -1]


def _run_for_shapes(model: Any, names: set[str]) -> dict[str, Shape]:
    """Return the sizes of values by name, from one run on zeros."""
    import onnx  # noqa: PLC0415

    keep_telemetry_off()
    import onnxruntime  # noqa: PLC0415

    shapes: dict[str, Shape] = {item.name: tuple(item.dims) for item in model.graph.initializer}
    fixed = {item.name for item in model.graph.initializer}
    feed = {}
    for value in model.graph.input:
        if value.name in fixed:
            continue
        tensor = value.type.tensor_type
        sides = tuple(side.dim_value for side in tensor.shape.dim)
        if not all(sides):
            raise ValueError(f"the network's input {value.name!r} has no fixed size: {sides}")
        feed[value.name] = np.zeros(sides, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        shapes[value.name] = sides
    own = {value.name for value in model.graph.output}
    asked = sorted(names - shapes.keys())
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in asked if name not in own)
    options = onnxruntime.SessionOptions()
    # Optimised, the graph would lose the layers' names.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = session.run(asked, feed) if asked else []
    except Exception as error:  # ONNX Runtime's own kinds of error
        raise ValueError(f"the network does not run: {error}") from error
    return shapes | {name: tuple(value.shape) for name, value in zip(asked, found, strict=True)}
