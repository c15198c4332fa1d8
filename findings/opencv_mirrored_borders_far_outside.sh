#!/usr/bin/env bash
# opencv-contrib-python-headless 5.0.0.93, NumPy 2.4.6, CPython 3.11: cv2.remap with a mirrored border takes the longer
# the farther outside of the picture a place lies. It folds the place back at one edge after the other until it is
# inside, for each tap of each pixel: the time grows with the distance over the picture's side. BORDER_WRAP divides, and
# the other borders do not depend on the distance. So a map in which "nowhere" is a large number (a division by nearly
# nothing, an infinite distance that was clipped) is quick with BORDER_REPLICATE and slow with a mirror, though nobody
# looks at those pixels; and the smaller the picture that is sampled, the slower.
#
# Places are held as 16 bits inside, so that 32767 pixels outside is the worst there is.
#
# Output seen (512 x 512 places of a picture of 512 x 512, milliseconds):
#                         inside   600 px out   30000 px out
#   BORDER_REPLICATE         1.5          2.4            2.3
#   BORDER_REFLECT_101       1.5          2.7           37.9
#   BORDER_WRAP              1.7          5.3            5.7
#   BORDER_REFLECT_101 at 30000 px is 16 times BORDER_REPLICATE
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-contrib-python-headless==5.0.0.93 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import time

import cv2
import numpy as np

SIDE, TURNS = 512, 9
BORDERS = ("BORDER_REPLICATE", "BORDER_REFLECT_101", "BORDER_WRAP")
AWAY = {"inside": 0, "600 px out": 600, "30000 px out": 30_000}
cv2.setNumThreads(1)
picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
x, y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))


def took_ms(border: str, away: int) -> float:
    """Return the least time of a few turns."""
    at_x, took = x + np.float32(away), []
    for _ in range(TURNS):
        begun = time.perf_counter()
        cv2.remap(picture, at_x, y, cv2.INTER_LINEAR, borderMode=getattr(cv2, border))
        took.append(time.perf_counter() - begun)
    return 1e3 * min(took)


found = {border: [took_ms(border, away) for away in AWAY.values()] for border in BORDERS}
print(" " * 20, *(f"{name:>14}" for name in AWAY))
for border, row in found.items():
    print(f"{border:20}", *(f"{took:14.1f}" for took in row))
times = found["BORDER_REFLECT_101"][2] / found["BORDER_REPLICATE"][2]
print(f"BORDER_REFLECT_101 at 30000 px is {times:.0f} times BORDER_REPLICATE")
assert found["BORDER_REFLECT_101"][0] < 2 * found["BORDER_REPLICATE"][0], "inside they are alike"
assert times > 5, "a mirrored border no longer depends on the distance"
assert found["BORDER_WRAP"][2] < 3 * found["BORDER_WRAP"][1], "wrapping has begun to depend on it"
PYTHON
