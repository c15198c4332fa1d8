#!/usr/bin/env bash
# pywebrtc-audio 0.2.0: EchoCanceller.process() takes a block of any length and returns one as long, but only blocks of
# whole 10 ms come back whole. A steady tone with nothing playing, 48 kHz, tone against everything else in the answer
# (after the first second): 59 dB with 480 or 960 samples, below 10 dB with 240, 512 or 1024, the sizes that sound cards
# and browsers' audio worklets give. Nothing is raised: carry samples over until 10 ms are there.
#
# Seen:
#    240 samples    7.4 dB
#    480 samples   58.9 dB
#    512 samples   -7.8 dB
#    960 samples   58.9 dB
#   1024 samples    0.4 dB
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pywebrtc-audio==0.2.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pywebrtc_audio

RATE = 48_000
times = np.arange(2 * RATE) / RATE
tone = (8_000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)
waves = np.stack([np.sin(2 * np.pi * 300 * times[:RATE]), np.cos(2 * np.pi * 300 * times[:RATE])], axis=1)


def tone_to_rest_db(length: int) -> float:
    canceller = pywebrtc_audio.EchoCanceller(RATE)
    silence = np.zeros(length, np.int16)
    starts = range(0, len(tone) - length + 1, length)
    heard = np.concatenate([canceller.process(tone[start : start + length], silence) for start in starts])
    settled = heard[RATE:].astype(float)
    fitted = waves[: len(settled)] @ np.linalg.lstsq(waves[: len(settled)], settled, rcond=None)[0]
    return 10 * np.log10(np.mean(fitted**2) / np.mean((settled - fitted) ** 2))


for length in (240, 480, 512, 960, 1024):
    found_db = tone_to_rest_db(length)
    print(f"{length:>4} samples {found_db:7.1f} dB")
    assert (found_db > 40) == (length % 480 == 0), f"blocks of {length} samples are treated differently now"
PYTHON
