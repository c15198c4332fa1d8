"""MediaPipe's landmark network, laid out for OpenVINO: some hundred convolutions of few channels each.

A picture of 256 x 256 is halved seven times. At each size a few blocks follow, each of which narrows its channels to
half (1 x 1), looks around (3 x 3, each channel by itself) and widens them again (1 x 1); at last 512 numbers tell where
each landmark is. The answers are the model file's; what changes is how they are come by:

- The picture comes as planes of colour, a byte a number, and layers hold 8 or 16 channels of a pixel together. For so
  few channels OpenVINO's kernels for that are quicker than those it would choose, which make a product of matrices of
  each layer.
- The last layer is nearly all of the weights, which come from memory anew for each picture. Two bytes a weight in place
  of four make that half; landmarks are 0.002 pixels off by that.
- Of what else it tells only how surely this is a face is computed.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.types import F32, LANDMARK_COUNT

BLOCKED_KERNELS: Final = ("jit_avx512_1x1", "jit_avx512_dw", "jit_avx512", "jit_avx2_1x1", "jit_avx2_dw", "jit_avx2")
"""OpenVINO's names of them, what is tried first first; it takes others where a machine has none of these."""
LARGEST_BYTE: Final = 127


def landmark_network(original: Any, side: int) -> Any:
    """Return an OpenVINO model of a picture (1, 3, side, side), uint8, that answers like `original`, the model file's.

    Its answer is (1, 1435): x, y and depth of each landmark in pixels, and the logit of a face being there. `original`
    takes (n, side, side, 3), 0..1, and is used up by this.

    Raises:
        ValueError: the original is another network.
    """
    import openvino  # noqa: PLC0415 - 150 ms, and only where a face is followed

    picture = _planes_for_picture(original, openvino, side)
    _fold_constants(original)
    places, presence = (_convolution_before(result) for result in original.get_results()[:2])
    first, weights = _first_layer(original), [_weights_of(layer) for layer in (places, presence)]
    if [len(rows) for rows, _ in weights] != [3 * LANDMARK_COUNT, 1]:
        raise ValueError("The landmark network answers otherwise than with 478 landmarks and how surely it is a face.")
    first.input(1).replace_source_output(_constant(openvino, _values(first.input_value(1)) / np.float32(255)).output(0))
    rows, bias = (np.concatenate(parts) for parts in zip(*weights, strict=True))
    answer = _product(openvino, places.input_value(0), rows, bias)
    return openvino.Model([openvino.opset13.result(answer)], [picture], "landmarks")


def blocked(network: Any, folder: Path) -> Any:
    """Return the network as it is, its convolutions asking for `BLOCKED_KERNELS`; on other processors than x86 itself.

    OpenVINO heeds such a wish of a network that it has read, and of no other: this one is written to `folder` first.

    Raises:
        OSError: there is no room for it there (5 MB).
    """
    import openvino  # noqa: PLC0415 - as above

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return network
    for layer in network.get_ordered_ops():
        if layer.get_type_name() in ("Convolution", "GroupConvolution"):
            layer.get_rt_info()["PrimitivesPriority"] = ",".join(f"cpu:{kernel}" for kernel in BLOCKED_KERNELS)
    path = folder / "network.xml"
    try:
        openvino.serialize(network, path)
    except RuntimeError as error:  # of a full disk it says no more than `iostream error`
        raise OSError(f"{folder.parent} cannot be written to, or is full. Make room, or set TMPDIR.") from error
    return openvino.Core().read_model(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def _planes_for_picture(network: Any, openvino: Any, side: int) -> Any:
    """Have a network take planes of colour where it takes a picture and turns it into them; return its new input."""
    old = network.get_parameters()[0]
    turn = next(iter(old.output(0).get_target_inputs())).get_node()
    if turn.get_type_name() != "Transpose":
        raise ValueError(f"The landmark network begins with a {turn.get_type_name()}, not by laying colours apart.")
    planes = openvino.opset13.parameter([1, 3, side, side], np.uint8)
    numbers = openvino.opset13.convert(planes, np.float32)
    for target in turn.output(0).get_target_inputs():
        target.replace_source_output(numbers.output(0))
    network.add_parameters([planes])
    network.remove_parameter(old)
    network.validate_nodes_and_infer_types()
    return planes


def _fold_constants(network: Any) -> None:
    """Have weights, which the file stores in another order, be constants as they are used."""
    from openvino.passes import ConstantFolding, Manager  # noqa: PLC0415 - as above

    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(network)


def _first_layer(network: Any) -> Any:
    return next(layer for layer in network.get_ordered_ops() if layer.get_type_name() == "Convolution")


def _convolution_before(result: Any) -> Any:
    """Return the convolution from which a result comes."""
    layer = result
    while layer.get_type_name() != "Convolution":
        if not layer.get_input_size():
            raise ValueError("The landmark network has a result that comes from no convolution.")
        layer = layer.input_value(0).get_node()
    return layer


def _weights_of(layer: Any) -> tuple[F32, F32]:
    """Return the weights (out, in) and the bias (out,) of a convolution that looks at its whole input at once."""
    weights = _values(layer.input_value(1))
    (target,) = layer.output(0).get_target_inputs()
    if list(weights.shape[1:]) != list(layer.input_value(0).get_shape())[1:]:
        raise ValueError("The landmark network's last convolution does not look at all of its input.")
    return weights.reshape(len(weights), -1), _values(target.get_node().input_value(1)).ravel()


def _product(openvino: Any, numbers: Any, weights: F32, bias: F32) -> Any:
    """Return weights x numbers + bias, (1, out); each weight as two bytes, a coarse one and a fine one."""
    ops = openvino.opset13
    flat = ops.reshape(numbers, ops.constant(np.array([1, weights.shape[1]], np.int64)), special_zero=False)
    answer, left = _constant(openvino, bias[None]), weights
    for _ in ("coarse", "fine"):
        step = np.maximum(np.abs(left).max(axis=1, keepdims=True), np.float32(1e-9)) / np.float32(LARGEST_BYTE)
        steps = np.rint(left / step).astype(np.int8)
        widened = ops.multiply(ops.convert(ops.constant(steps), np.float32), _constant(openvino, step))
        answer = ops.add(answer, ops.matmul(flat, widened, transpose_a=False, transpose_b=True))
        left = left - steps * step
    return answer


def _values(output: Any) -> F32:
    node = output.get_node()
    if node.get_type_name() != "Constant":
        raise ValueError(f"The landmark network has a {node.get_type_name()} where weights were expected.")
    return np.asarray(node.data, np.float32)


def _constant(openvino: Any, values: Any) -> Any:
    return openvino.opset13.constant(np.ascontiguousarray(values, np.float32))
