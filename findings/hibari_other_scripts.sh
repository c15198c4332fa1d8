#!/usr/bin/env bash
# hibari-tts 0.2.1: of a text in another script than the Latin one it returns no sound, and raises nothing; Cyrillic it
# spells letter by letter, as English names of letters that look or sound alike. A program that does not check writes a
# silent file, or nonsense.
#
# Seen (seconds of sound):
#   你好，今天天气很好。   0.0
#   مرحبا        0.0
#   안녕하세요        0.0
#   Привет       1.9   (nonsense)
#   Hello        1.0
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hibari-tts==0.2.1
"$folder/venv/bin/python" - <<'PYTHON'
from hibari import Hibari

voice = Hibari(threads=1)
for text, silent in (("你好，今天天气很好。", True), ("مرحبا", True), ("안녕하세요", True), ("Привет", False), ("Hello", False)):
    seconds = len(voice(text, seed=0)) / voice.sample_rate
    print(f"{text:<12} {seconds:.1f}")
    assert (seconds == 0) == silent, "hibari now treats other scripts in another way"
PYTHON
