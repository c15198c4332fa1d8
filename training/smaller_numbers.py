"""Fewer bits a number: weights stored in half precision, and an 8-bit copy of the decoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from avatar.generator.network import FINE_CHANNELS, FaceNetwork
from avatar.generator.network_export import FrameDecoder
from training.decoder_examples import Arrays, DecoderExample

LEAST_HALVED: Final = 1024
"""Numbers of a weight that is worth storing in half precision."""


def halve(path: Path) -> None:
    """Store the larger weights of an ONNX file in half precision; runtimes widen them again as they load it."""
    import onnx  # noqa: PLC0415 - large, and needed here only

    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_HALVED:
            continue
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}-half")
        casts.append(onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(half)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    part = path.with_suffix(".part")
    onnx.save(model, str(part))
    part.replace(path)


def equalised(network: FaceNetwork, examples: Sequence[DecoderExample]) -> FaceNetwork:
    """Return a network that draws the same, in which the finest channels lose alike in eight bits.

    They share one scale there, though some reach nine times as far as others. Between two convolutions without a ReLU
    each may be scaled as one likes: by the root of what it is multiplied with later over how far it reaches (Nagel et
    al., "Data-free quantization through weight equalization and bias correction", ICCV 2019).
    """
    reach = torch.zeros(FINE_CHANNELS)

    def note(_: nn.Module, __: object, answer: Tensor) -> None:
        reach.copy_(torch.maximum(reach, answer.unflatten(1, (-1, FINE_CHANNELS)).abs().amax((0, 1, 3, 4))))

    decoder = FrameDecoder(network)
    hook = decoder.to_pixels.register_forward_hook(note)
    with torch.no_grad():
        for example in examples:
            decoder.layers(*map(torch.from_numpy, example.inputs.values()))
    hook.remove()
    made = copy.deepcopy(network)
    pixels, heads = made.decoder.to_pixels, (made.decoder.draw, made.decoder.to_mask, made.decoder.to_borrowed)
    with torch.no_grad():
        used = torch.cat([head.weight for head in heads]).abs().amax((0, 2, 3))
        scale = (used.clamp(min=1e-6) / reach.clamp(min=1e-6)).sqrt()
        scale /= scale.mean()
        for head in heads:
            head.weight /= scale[:, None, None]
        for value in (pixels.weight, pixels.bias):
            value.mul_(scale.repeat_interleave(len(value) // FINE_CHANNELS).view(-1, *[1] * (value.ndim - 1)))
    return made


class _Calibration(CalibrationDataReader):
    def __init__(self, inputs: list[Arrays]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> Arrays | None:
        return next(self._inputs, None)


def quantise(decoder: Path, inputs: list[Arrays]) -> Path:
    """Write the 8-bit decoder beside the full one, calibrated on `inputs`: u8 activations, s8 weights per channel.

    Weights take seven of their eight bits: CPUs without VNNI add two products in 16 bits, which eight would overflow.
    """
    path = decoder.with_name(f"{decoder.stem}-int8.onnx")
    part = path.with_suffix(".part")
    quantize_static(
        str(decoder),
        str(part),
        _Calibration(inputs),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        op_types_to_quantize=["Conv"],
    )
    round_once(part)
    part.replace(path)
    return path


def round_once(path: Path) -> None:
    """Leave out of an 8-bit ONNX file what rounds its numbers twice: each costs a runtime a pass over them.

    What was only laid out anew is still rounded, and a ReLU's answer is rounded after it.
    """
    import onnx  # noqa: PLC0415 - as above

    model = onnx.load(str(path))
    graph = model.graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    left_out: list[Any] = []
    for rounding in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        (widened,) = _used_by(graph, rounding.output[0])
        source = made_by.get(rounding.input[0])
        users = _used_by(graph, widened.output[0])
        if source is not None and source.op_type == "Conv" and [user.op_type for user in users] == ["Relu"]:
            users[0].input[0] = rounding.input[0]
        elif (earlier := _before_layout(source, made_by)) is not source and _alike(earlier, rounding, values):
            for user in users:
                user.input[list(user.input).index(widened.output[0])] = rounding.input[0]
        else:
            continue
        left_out += [rounding, widened]
    kept = [node for node in graph.node if node not in left_out]
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _used_by(graph: Any, name: str) -> list[Any]:
    return [node for node in graph.node if name in node.input]


def _before_layout(node: Any, made_by: dict[str, Any]) -> Any:
    """Return what makes the numbers that a node lays out anew, or the node."""
    while node is not None and node.op_type in ("Transpose", "Reshape"):
        node = made_by.get(node.input[0])
    return node


def _alike(widened: Any, rounding: Any, values: dict[str, Any]) -> bool:
    """Return whether numbers that were widened from 8 bits are rounded to the same ones."""
    if widened is None or widened.op_type != "DequantizeLinear":
        return False
    pairs = zip(widened.input[1:], rounding.input[1:], strict=True)
    return all(np.array_equal(values[a], values[b]) for a, b in pairs)
