#!/usr/bin/env bash
# OpenVINO 2026.4.1 from PyPI, on x86: which kernel a layer is to use can be wished for (`PrimitivesPriority` in the
# layer's rt_info), and the wish is heeded only if the network has been written to a file and read again.
#
# What is surprising: on a network made in the program the same wish, readable in the same rt_info, changes nothing,
# and nothing says so. Only reading gives it the type that the CPU plugin looks for.
#
# Output seen (AVX-512):
#   no wish:                brgconv_avx512_1x1_f32
#   a wish:                 brgconv_avx512_1x1_f32
#   the same, read again:   jit_gemm_f32
#
# Exits 0 while that is so, 1 when the wish is heeded at once, or not at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import openvino

WISH = "cpu:jit_gemm"


def network(wish: str = "") -> openvino.Model:
    ops = openvino.opset13
    picture = ops.parameter([1, 8, 64, 64], np.float32)
    weights = ops.constant(np.ones((8, 8, 1, 1), np.float32))
    layer = ops.convolution(picture, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    if wish:
        layer.get_rt_info()["PrimitivesPriority"] = wish
    return openvino.Model([ops.result(layer)], [picture], "one layer")


def kernel(model: openvino.Model) -> str:
    compiled = openvino.Core().compile_model(model, "CPU", {"PERF_COUNT": True, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.infer([np.zeros((1, 8, 64, 64), np.float32)])
    return next(layer.exec_type for layer in request.profiling_info if layer.node_type == "Convolution")


path = Path(sys.argv[1]) / "network.xml"
openvino.serialize(network(WISH), path)
plain, wished, read = kernel(network()), kernel(network(WISH)), kernel(openvino.Core().read_model(path))
print(f"no wish:                {plain}\na wish:                 {wished}\nthe same, read again:   {read}")
sys.exit(not (plain == wished != read and "jit_gemm" in read))
PYTHON
