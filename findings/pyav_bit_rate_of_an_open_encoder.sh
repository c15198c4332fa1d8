#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, libvpx, libx264): a new `bit_rate` for an open encoder is taken without a word, and most go on
# as before.
#
# What is surprising: `CodecContext.bit_rate` can be set at any time. libvpx never follows it. libx264 follows it when it
# was opened with `maxrate` and `bufsize` at its own rate, else not.
#
# Output seen, in the third second after the rate was set from 2,000 to 300 kbit/s:
#   libvpx                      2202 kbit/s of 300 asked for
#   libx264                     1975 kbit/s of 300 asked for
#   libx264, maxrate, bufsize    300 kbit/s of 300 asked for
#
# Exits 0 while that is so, 1 when one of them behaves otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cat > "$folder/show.py" <<'PY'
from fractions import Fraction

import av
import numpy as np

BEFORE, AFTER = 2_000_000, 300_000
noise = np.random.default_rng(0)
still = noise.integers(0, 255, (40, 40)).astype(np.uint8).repeat(8, 0).repeat(8, 1)


def picture(index):
    luma = np.roll(still, (3 * index, 2 * index), (0, 1)).astype(int) + noise.integers(-12, 12, (320, 320))
    chroma = np.full((160, 320), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.concatenate([np.clip(luma, 0, 255).astype(np.uint8), chroma]), "yuv420p")


def third_second(name, options):
    context = av.CodecContext.create(name, "w")
    context.width = context.height = 320
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 30), Fraction(30, 1)
    context.bit_rate, context.options = BEFORE, options
    context.open()
    bits = []
    for index in range(150):
        if index == 60:
            context.bit_rate = AFTER
        frame = picture(index)
        frame.pts = index
        bits.append(8 * sum(packet.size for packet in context.encode(frame)))
    return sum(bits[120:])


live = {"preset": "ultrafast", "tune": "zerolatency"}
vpx = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}
follows = {}
for label, name, options in (
    ("libvpx", "libvpx", vpx),
    ("libx264", "libx264", live),
    ("libx264, maxrate, bufsize", "libx264", live | {"maxrate": str(BEFORE), "bufsize": str(BEFORE // 6)}),
):
    rate = third_second(name, options)
    follows[label] = rate < 2 * AFTER
    print(f"{label:26} {rate / 1000:5.0f} kbit/s of {AFTER / 1000:.0f} asked for")
raise SystemExit(0 if list(follows.values()) == [False, False, True] else 1)
PY
"$folder/venv/bin/python" "$folder/show.py"
