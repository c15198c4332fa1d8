#!/usr/bin/env bash
# MediaPipe 1.2.2: whoever imports one task that looks at pictures imports matplotlib.pyplot too.
#
# What is surprising: `mediapipe.tasks.python.vision` imports its `drawing_utils`, which plots landmarks in three dimensions
# by matplotlib. A server that only finds faces installs 75 MB (matplotlib, fontTools and theirs) and waits for the import,
# more than half of which is matplotlib's.
#
# Output seen (the seconds are those of one machine):
#   matplotlib.pyplot imported: True
#   1.2 of 1.9 seconds of the import are matplotlib's
#
# Exits 0 while that is so, 1 when matplotlib is no longer imported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mediapipe==1.2.2
cd "$folder"
venv/bin/python -c "import matplotlib.font_manager"  # its list of fonts is made once
venv/bin/python -X importtime -c "
import sys
from mediapipe.tasks.python.vision import FaceLandmarker
print('matplotlib.pyplot imported:', 'matplotlib.pyplot' in sys.modules)
sys.exit('matplotlib.pyplot' not in sys.modules)" 2> times
seconds() { awk -F'|' -v name="$1" '{ gsub(/ /, "", $3) } $3 == name { us = $2 } END { printf "%.1f", us / 1e6 }' times; }
echo "$(seconds matplotlib.pyplot) of $(seconds mediapipe.tasks.python.vision) seconds of the import are matplotlib's"
