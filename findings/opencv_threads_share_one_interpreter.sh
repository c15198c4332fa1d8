#!/usr/bin/env bash
# opencv-contrib-python-headless 5.0.0.93, NumPy 2.4.6, CPython 3.11, two cores: OpenCV lets other threads of Python run
# during each of its calls, and for that very reason a dozen threads that make many small calls get less done together
# than if one works at a time.
#
# Each call gives the interpreter away and has to ask for it again. Where others ask too, a thread waits after nearly
# every call, and most of the time goes into waking threads up on the other core. Twelve threads that each make 30
# pictures a second of small calls (2.2 ms of work, so 0.8 cores in all) take ten times as long for a picture and leave
# pictures out; behind a lock that lets one thread work at a time, each is as quick as if it were alone, the wait for
# the lock counted (30 ms for 49 where other guests slowed the machine down by a third). It begins at about that load and then keeps itself up: with two thirds of the work, or tied
# to one core, nothing of it is seen. A shorter sys.setswitchinterval makes it begin sooner.
#
# Output seen:
#   2 threads               2.3 ms a picture,   1 waits, 30.1 pictures a second
#   12 threads             38.0 ms a picture, 249 waits, 23.3 pictures a second
#   12, one at a time       2.4 ms a picture,   7 waits, 30.0 pictures a second
#
# Exits non-zero when that has changed, and where there is only one core.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-contrib-python-headless==5.0.0.93 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import resource
import statistics
import threading
import time

import cv2
import numpy as np

FPS, SECONDS, WORK_S = 30, 5.0, 0.0022
PIXELS = np.full((160, 160, 3), 7, np.uint8)
cv2.setNumThreads(1)


def picture(calls: int) -> float:
    """Make a picture of so many small calls; return how long it took."""
    started = time.perf_counter()
    for _ in range(calls):
        cv2.add(PIXELS, PIXELS)
        sum(range(2000))  # the interpreter's own work
    return time.perf_counter() - started


calls = round(100 * WORK_S / statistics.median(picture(100) for _ in range(200)))


def held(threads: int, gate: contextlib.AbstractContextManager[object]) -> tuple[float, float, float]:
    """Return milliseconds a picture (median), waits a picture, and pictures a second of each thread."""
    took: list[float] = []
    begin = time.monotonic()

    def work(number: int) -> None:
        due = begin + number / FPS / threads
        while due < begin + SECONDS:
            time.sleep(max(due - time.monotonic(), 0))
            due = max(due + 1 / FPS, time.monotonic())
            started = time.perf_counter()
            with gate:
                picture(calls)
                took.append(time.perf_counter() - started)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    waits = (resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before) / len(took)
    return 1e3 * statistics.median(took), waits, len(took) / SECONDS / threads


few = held(2, contextlib.nullcontext())
many = held(12, contextlib.nullcontext())
single = held(12, threading.Lock())
for label, seen in (("2 threads", few), ("12 threads", many), ("12, one at a time", single)):
    print("%-20s %6.1f ms a picture, %3.0f waits, %4.1f pictures a second" % (label, *seen))
assert many[1] > 3 * single[1] > 0
assert many[0] > 1.5 * single[0]
PYTHON
