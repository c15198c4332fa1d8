#!/usr/bin/env bash
# aiortc 1.16.0: H.264 is refused where a blank follows a ";" of its format parameters, as in the examples of RFC 6184.
#
# sdp.parameters_from_sdp() cuts at ";" and keeps the blank, so that " packetization-mode" is another parameter, its
# value counts as 0, and no codec is in common. RFC 6184 breaks the lines of its examples there; joined again they have one.
#
# Output seen:
#   profile-level-id=42e01f;packetization-mode=1    taken
#   profile-level-id=42e01f; packetization-mode=1   OperationError: Failed to set remote video description send parameters
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

OFFER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=rtcp-mux
a=ice-ufrag:user
a=ice-pwd:0123456789abcdefghijkl
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=rtpmap:96 H264/90000
a=fmtp:96 {parameters}
"""


async def answer(parameters: str) -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sdp = OFFER.format(fingerprint=":".join(["AB"] * 32), parameters=parameters).replace("\n", "\r\n")
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        return "taken"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await connection.close()


plain, blank = "profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42e01f; packetization-mode=1"
found = {parameters: asyncio.run(answer(parameters)) for parameters in (plain, blank)}
for parameters, outcome in found.items():
    print(f"{parameters:47} {outcome}")
assert found[plain] == "taken"
assert found[blank].startswith("OperationError")
PYTHON
