#!/usr/bin/env bash
# safetensors 0.8.0 with numpy 2.4: save() takes a transposed (or Fortran-ordered) array and stores its memory as it
# lies, under the array's shape. It comes back with the right shape and the wrong numbers; nothing is raised. The
# docstring asks for contiguous tensors, but nothing checks: numpy.ascontiguousarray first is what helps (and that, in
# turn, makes a zero-dimensional array one-dimensional: numpy.asarray(x, order="C") does not).
#
# Seen:
#   transposed        equal after a round trip: False   shape kept: True
#   made contiguous   equal after a round trip: True    shape kept: True
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

array = np.arange(6, dtype=np.float32).reshape(2, 3).T


def round_trip(label: str, given: np.ndarray) -> bool:
    back = load(save({"x": given}))["x"]
    equal = bool(np.array_equal(back, array))
    print(f"{label:<17} equal after a round trip: {equal!s:<7} shape kept: {back.shape == array.shape}")
    return equal


assert not round_trip("transposed", array), "safetensors now stores transposed arrays rightly"
assert round_trip("made contiguous", np.asarray(array, order="C"))
PYTHON
