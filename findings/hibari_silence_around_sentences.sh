#!/usr/bin/env bash
# hibari-tts 0.2.1: every sentence begins with about a quarter of a second of silence and ends with more than a third.
# Its documentation says nothing of either. A program that speaks sentence by sentence starts late by the first, and
# pauses for the sum of both between two sentences; cutting at 45 dB below the loudest 5 ms keeps all of the speech.
#
# Seen (seconds before and after):
#   Hello there.             0.26  0.41
#   She sells sea shells.    0.28  0.41
#   Who is there?            0.27  0.38
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hibari-tts==0.2.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from hibari import Hibari

voice = Hibari(threads=1)
moment = voice.sample_rate // 200
for text in ("Hello there.", "She sells sea shells.", "Who is there?"):
    samples = next(voice.stream(text, seed=0))
    moments = samples[: len(samples) // moment * moment].reshape(-1, moment)
    level_db = 10 * np.log10(np.mean(np.square(moments), axis=1) + 1e-12)
    loud = np.nonzero(level_db > level_db.max() - 45)[0]
    before_s, after_s = loud[0] / 200, (len(level_db) - 1 - loud[-1]) / 200
    print(f"{text:<24} {before_s:.2f}  {after_s:.2f}")
    assert before_s > 0.15 and after_s > 0.2, "hibari now begins and ends with less silence"
PYTHON
