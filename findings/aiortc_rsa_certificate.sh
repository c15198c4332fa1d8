#!/usr/bin/env bash
# aiortc 1.16.0: a peer whose certificate is RSA cannot be called. As a DTLS client aiortc names ECDSA cipher suites only,
# and to an offer that leaves the roles open (a=setup:actpass) it always answers that it will be the client.
#
# WebRTC asks for ECDSA support and allows RSA (RFC 8827, 6.5); GStreamer 1.22's webrtcbin has an RSA certificate. The
# failure is logged at debug level only. With ECDHE-RSA-AES128-GCM-SHA256 named too, or as the DTLS server, it connects.
#
# Output seen:
#   ECDSA certificate                              connected
#   RSA certificate                                failed
#   RSA certificate, one more cipher suite named   connected
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    aiortc==1.16.0 aioice==0.13.0 pyopenssl==26.4.0 cryptography==50.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import datetime

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcdtlstransport import RTCCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # any machine has it
SUITES = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"


class AnySuite(RTCCertificate):
    def _create_ssl_context(self, *args, **named):
        context = super()._create_ssl_context(*args, **named)
        context.set_cipher_list(SUITES)
        return context


def certificate(kind, key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now - datetime.timedelta(1), now + datetime.timedelta(1))
    return kind(key, made.sign(key, hashes.SHA256()))


def connection(own):
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made._RTCPeerConnection__certificates = [own]
    return made


async def call(offering, answering):
    caller, called = connection(offering), connection(answering)
    caller.createDataChannel("any")
    await caller.setLocalDescription(await caller.createOffer())
    await called.setRemoteDescription(caller.localDescription)
    await called.setLocalDescription(await called.createAnswer())
    await caller.setRemoteDescription(called.localDescription)
    while called.connectionState not in ("connected", "failed"):
        await asyncio.sleep(0.05)
    state = called.connectionState
    await asyncio.gather(caller.close(), called.close())
    return state


async def main():
    # The caller knows all suites, as other libraries do: what is tried is the aiortc that answers.
    ecdsa = certificate(AnySuite, ec.generate_private_key(ec.SECP256R1()))
    rsa_2048 = certificate(AnySuite, rsa.generate_private_key(65537, 2048))
    own = certificate(RTCCertificate, ec.generate_private_key(ec.SECP256R1()))
    more = certificate(AnySuite, ec.generate_private_key(ec.SECP256R1()))
    seen = [await call(ecdsa, own), await call(rsa_2048, own), await call(rsa_2048, more)]
    print("ECDSA certificate                             ", seen[0])
    print("RSA certificate                               ", seen[1])
    print("RSA certificate, one more cipher suite named  ", seen[2])
    assert seen == ["connected", "failed", "connected"]


asyncio.run(asyncio.wait_for(main(), 60))
PYTHON
