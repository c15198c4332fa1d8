#!/usr/bin/env bash
# Hypothesis 6.170.15 from PyPI: strategies that use no chance of their own are blamed for it where another thread does.
#
# What is surprising: it compares the state of the module `random` before and after an example is drawn, for the whole
# process. A test that holds a WebRTC connection meanwhile (aiortc draws the intervals of its RTCP reports by `random`, in
# the event loop's thread) is told "Do not use the `random` module inside strategies", about strategies of plain text and
# whole numbers. The warning carries the arguments drawn, so that with pictures it fills a log by the megabyte; where
# warnings are errors, the test fails. The same strategies alone: no warning.
#
# Output seen:
#   alone: 0 warnings
#   beside a thread that uses random: blamed
#
# Exits 0 while that is so, 1 when nobody is blamed any more, or also without the thread.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hypothesis==6.170.15
cat > "$folder/run.py" <<'PY'
import random
import threading
import warnings

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

stopped = threading.Event()


def beside() -> None:
    while not stopped.is_set():
        random.random()


@settings(max_examples=300, database=None, deadline=None, phases=[Phase.generate])
@given(st.lists(st.integers()) | st.text(max_size=200))
def nothing(_: object) -> None:
    pass


def blamed() -> int:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        nothing()
    return sum("`random` module inside strategies" in str(one.message) for one in told)


alone = blamed()
other = threading.Thread(target=beside)
other.start()
try:
    accompanied = any(blamed() for _ in range(10))
finally:
    stopped.set()
    other.join()
print(f"alone: {alone} warnings")
print(f"beside a thread that uses random: {'blamed' if accompanied else 'not blamed'}")
raise SystemExit(alone or not accompanied)
PY
"$folder/venv/bin/python" "$folder/run.py"
