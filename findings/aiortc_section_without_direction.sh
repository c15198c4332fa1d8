#!/usr/bin/env bash
# aiortc 1.16.0: an offer whose section states no direction is taken, and then cannot be answered.
#
# RFC 8866, section 6.7: where a section has none of sendrecv, sendonly, recvonly and inactive, sendrecv is meant. aiortc
# keeps None, and looks it up in its list of directions when it makes the answer.
#
# Output seen:
#   a=sendrecv     answered
#   no direction   ValueError: None is not in list
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription


async def answer(direction: str) -> str:
    caller, called = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    caller.addTransceiver("video")
    sdp = (await caller.createOffer()).sdp.replace("a=sendrecv\r\n", direction)
    await called.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    try:
        await called.createAnswer()
        return "answered"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await caller.close()
        await called.close()


stated, left_out = asyncio.run(answer("a=sendrecv\r\n")), asyncio.run(answer(""))
print("a=sendrecv    ", stated)
print("no direction  ", left_out)
assert stated == "answered"
assert left_out.startswith("ValueError")
PYTHON
