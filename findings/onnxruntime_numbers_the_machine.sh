#!/usr/bin/env bash
# ONNX Runtime 1.32.0 from PyPI, on Linux: to run a model is to get a number for this machine, kept in the user's cache
# folder, under which events go to Microsoft (`Privacy.md` in the wheel: telemetry is on by default).
#
# What is surprising: the call `disable_telemetry_events()` comes too late for the number. Only the variable
# ORT_DISABLE_TELEMETRY, set before the package is imported, keeps it from being made.
#
# Output seen:
#   as it is: .cache/Microsoft/DeveloperTools/.onnxruntime/deviceid
#   with disable_telemetry_events(): .cache/Microsoft/DeveloperTools/.onnxruntime/deviceid
#   with ORT_DISABLE_TELEMETRY=1: no number
#
# Exits 0 while that is so, 1 when the number is not made, or made in spite of the variable.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.0 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import sys

import onnxruntime
from onnx import TensorProto, helper

if "disable" in sys.argv:
    onnxruntime.disable_telemetry_events()
one = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negate", one[:1], one[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
PY
number() { # number HOME VARIABLE=VALUE ARGUMENT...: run a model there, and print the file that holds the number
    mkdir "$folder/$1"
    env -u XDG_CACHE_HOME HOME="$folder/$1" "$2" "$folder/venv/bin/python" "$folder/run.py" "${@:3}" 2>/dev/null
    (cd "$folder/$1" && find . -name deviceid -printf '%P\n')
}
plain=$(number plain AS_IT=IS)
call=$(number call AS_IT=IS disable)
variable=$(number variable ORT_DISABLE_TELEMETRY=1)
echo "as it is: ${plain:-no number}"
echo "with disable_telemetry_events(): ${call:-no number}"
echo "with ORT_DISABLE_TELEMETRY=1: ${variable:-no number}"
[ -n "$plain" ] && [ -z "$variable" ]
