#!/usr/bin/env bash
# aiortc 1.16.0: after one lost packet the buffer of received sound holds every later packet 200 ms longer, for good.
#
# What is surprising: the buffer holds four packets (80 ms) as a reserve. A packet that never comes is waited for until
# all 16 places are full, and what has gathered by then stays: sound is 280 ms late until the end of the call.
# One swapped packet adds 20 ms for good.
#
# Output seen:
#   before 80 ms, after one lost packet 280 ms, still 280 ms a minute later
#
# Exits 0 while that is so, 1 when the delay goes back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0
"$folder/venv/bin/python" - <<'PYTHON'
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

buffer = JitterBuffer(capacity=16, prefetch=4)  # as RTCRtpReceiver makes it for sound
delays = {}
for number in range(3100):
    if number == 50:
        continue
    packet = RtpPacket(sequence_number=number, timestamp=960 * number)
    packet._data = str(number).encode()
    _, frame = buffer.add(packet)
    if frame is not None:
        delays[number] = 20 * (number - int(frame.data))
before, after, later = delays[49], delays[max(n for n in delays if n < 100)], delays[3099]
print(f"before {before} ms, after one lost packet {after} ms, still {later} ms a minute later")
raise SystemExit(0 if later >= before + 150 else 1)
PYTHON
