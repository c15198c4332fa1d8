#!/usr/bin/env bash
# pywebrtc-audio 0.2.0: VoiceDetector answers 0.5 to digital silence, which is what a muted microphone sends, for as long
# as it lasts; to faint noise it falls to 0.01 within a second. A threshold of 0.5 or below hears a voice in every muted
# microphone. Look for samples that are all zero before asking.
#
# Seen:
#   digital silence, after 2 s   0.50
#   faint noise, after 2 s       0.01
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pywebrtc-audio==0.2.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pywebrtc_audio

RATE, BLOCK = 48_000, 480
rng = np.random.default_rng(0)


def after_two_seconds(level: int) -> float:
    detector = pywebrtc_audio.VoiceDetector(RATE)
    answers = [detector.process((level * rng.standard_normal(BLOCK)).astype(np.int16)) for _ in range(200)]
    return answers[-1]


muted, noise = after_two_seconds(0), after_two_seconds(30)
print(f"digital silence, after 2 s   {muted:.2f}")
print(f"faint noise, after 2 s       {noise:.2f}")
assert abs(muted - 0.5) < 0.01, "digital silence is answered differently now"
assert noise < 0.1
PYTHON
