#!/usr/bin/env bash
# opencv-contrib-python 5.0.0.93: settings for triangleRasterize that are made in Python shade nothing.
#
# The documentation says of the settings "By default the smooth shading is on, with CW culling and with disabled GL
# compatibility". That is what happens where they are left out. A TriangleRasterizeSettings() handed over as it is made,
# or with its culling alone set, paints every covered pixel 1 instead of the colours of its vertices; with
# setShadingType(RASTERIZE_SHADING_SHADED) they are back. Colours beyond 1, which the documentation does not vouch for,
# are interpolated as others are, so a picture's coordinates can be painted in one call.
#
# Output seen (the pixel in the middle of a triangle of colours 10, 20 and -40):
#   left out       -12.5
#   as made          1.0
#   told to shade  -12.5
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

corners = np.array([[-1, -1, -1], [1, -1, -1], [0, 1, -1]], np.float32)
colours = np.repeat(np.array([[10], [20], [-40]], np.float32), 3, axis=1)


def middle(*settings: cv2.TriangleRasterizeSettings) -> float:
    picture, depth = np.zeros((9, 9, 3), np.float32), np.full((9, 9), 10, np.float32)
    triangles, camera = np.array([[0, 1, 2]], np.int32), np.eye(4, dtype=np.float32)
    cv2.triangleRasterize(corners, triangles, colours, picture, depth, camera, np.pi / 2, 0.5, 10, *settings)
    return float(picture[4, 4, 0])


told = cv2.TriangleRasterizeSettings()
told.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
seen = {"left out": middle(), "as made": middle(cv2.TriangleRasterizeSettings()), "told to shade": middle(told)}
for name, value in seen.items():
    print(f"{name:14s} {value:5.1f}")
assert seen["as made"] == 1.0, "it shades now"
assert seen["left out"] == seen["told to shade"] != 1.0
PYTHON
