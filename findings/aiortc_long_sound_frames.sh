#!/usr/bin/env bash
# aiortc 1.16.0, PyAV 18.1.0: a track of sound that yields frames longer than 20 ms is heard in part, without any error.
#
# What is surprising: a track may yield frames of any length, and the sender takes them. Of a frame of 40 ms two packets
# are made that bear one and the same timestamp, so that half of the sound is played; of frames of 100 ms even less.
#
# Output seen, of 3 s of sound:
#   frames of  20 ms: 149 packets with 149 timestamps
#   frames of  40 ms: 150 packets with 75 timestamps
#   frames of 100 ms: 150 packets with 30 timestamps
#
# Exits 0 while that is so, 1 when the packets of long frames have times of their own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aiortc==1.16.0 av==18.1.0 numpy==2.4.6
cat > "$folder/show.py" <<'PY'
import asyncio
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCConfiguration
from aiortc.rtp import RtpPacket

SECONDS = 3


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, milliseconds):
        super().__init__()
        self.samples, self.sent = 48 * milliseconds, 0

    async def recv(self):
        if self.sent >= 48_000 * SECONDS:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.samples / 48_000 / 4)
        wave = 8000 * np.sin(2 * np.pi * 440 * (self.sent + np.arange(self.samples)) / 48_000)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave.astype(np.int16), 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self.sent, Fraction(1, 48_000)
        self.sent += self.samples
        return frame


async def timestamps(milliseconds):
    here, there = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    sender = here.addTrack(Tone(milliseconds))
    await here.setLocalDescription(await here.createOffer())
    await there.setRemoteDescription(here.localDescription)
    await there.setLocalDescription(await there.createAnswer())
    await here.setRemoteDescription(there.localDescription)
    seen = []
    serialize = RtpPacket.serialize

    def note(packet, *rest):
        if packet.ssrc == sender._ssrc:
            seen.append(packet.timestamp)
        return serialize(packet, *rest)

    RtpPacket.serialize = note
    try:
        for _ in range(600):
            await asyncio.sleep(0.05)
            if len(seen) >= 50 * SECONDS - 2:
                break
    finally:
        RtpPacket.serialize = serialize
        await here.close()
        await there.close()
    return len(seen), len(set(seen))


changed = False
for milliseconds in (20, 40, 100):
    packets, times = asyncio.run(timestamps(milliseconds))
    print(f"frames of {milliseconds:3} ms: {packets} packets with {times} timestamps")
    alone = times >= packets
    changed = changed or alone != (milliseconds == 20)
raise SystemExit(1 if changed else 0)
PY
"$folder/venv/bin/python" "$folder/show.py"
