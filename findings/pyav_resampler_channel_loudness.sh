#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1): AudioResampler changes the loudness between one and two channels, and by the sample type.
#
# swresample's default matrix is 1/sqrt(2), and it is normalised only where the output or the inner samples are integers:
#   one channel to two: 3.0 dB quieter, float and integer alike;
#   two equal channels to one: 3.0 dB louder for float output, unchanged for 16-bit output.
# So a round trip mono -> stereo -> mono is neutral in float and 3 dB quieter in 16 bits.
#
# Output seen:
#   mono to stereo, fltp: 0.7071   mono to stereo, s16: 0.7071
#   stereo to mono, fltp: 1.4142   stereo to mono, s16: 1.0000
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy
"$folder/venv/bin/python" - <<'PYTHON'
import av
import numpy as np

EXPECTED = {("mono", "fltp"): 0.7071, ("mono", "s16"): 0.7071, ("stereo", "fltp"): 1.4142, ("stereo", "s16"): 1.0}
for (layout, kind), expected in EXPECTED.items():
    other, channels = ("stereo", 1) if layout == "mono" else ("mono", 2)
    frame = av.AudioFrame.from_ndarray(np.full((channels, 4800), 0.25, np.float32), format="fltp", layout=layout)
    frame.sample_rate = 48_000
    (resampled,) = av.AudioResampler(kind, other, 48_000).resample(frame)
    level = float(resampled.to_ndarray().max()) / (0.25 if kind == "fltp" else 0.25 * 32767)
    print(f"{layout} to {other}, {kind}: {level:.4f}")
    assert abs(level - expected) < 0.002, (layout, kind, level)
PYTHON
