#!/usr/bin/env bash
# opencv-contrib-python 5.0.0.93: pictures of two channels of 32-bit floats are sampled at places rounded to 1/32 pixel.
#
# cv2.remap and cv2.warpAffine with INTER_LINEAR sample one, three and four channels of float32 where they are told to.
# With two channels the place is first rounded to 1/32 of a pixel, with no word of it in the documentation; so each plane
# by itself comes out otherwise than both together, and, in warpAffine, in less time than both take.
#
# Output seen (a ramp of 1 a pixel, sampled at 10.01):
#   1 channels: remap 10.01, warpAffine 10.01
#   2 channels: remap 10.00, warpAffine 10.00
#   3 channels: remap 10.01, warpAffine 10.01
#   4 channels: remap 10.01, warpAffine 10.01
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-contrib-python-headless==5.0.0.93
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np

PLACE = 10.01
ramp = np.tile(np.arange(32, dtype=np.float32), (32, 1))
x, y = (np.full((4, 4), place, np.float32) for place in (PLACE, 10))
shift = np.array([[1, 0, PLACE], [0, 1, 10]], np.float32)
exact = {}
for channels in (1, 2, 3, 4):
    picture = ramp if channels == 1 else np.dstack([ramp] * channels)
    mapped = cv2.remap(picture, x, y, cv2.INTER_LINEAR)
    warped = cv2.warpAffine(picture, shift, (4, 4), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    found = [float(np.ravel(sampled)[0]) for sampled in (mapped, warped)]
    print(f"{channels} channels: remap {found[0]:.2f}, warpAffine {found[1]:.2f}")
    exact[channels] = [abs(value - PLACE) < 1e-3 for value in found]
assert exact[2] == [False, False], "pairs are sampled where they are told to be"
assert all(all(exact[channels]) for channels in (1, 3, 4))
PYTHON
