#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1 with GnuTLS): the certificate that the whip muxer makes for itself cannot be used by a peer with
# OpenSSL 4.0, here aiortc 1.16.0: its curve is none that OpenSSL offers ("wrong curve"), and the handshake fails.
#
# WebRTC asks all to support P-256 (RFC 8827, 6.5). With a certificate of P-256 in cert_file and key_file the same muxer
# connects. What the muxer raises is an input/output error that does not name the certificate.
#
# Output seen:
#   the muxer's own certificate   failed (wrong curve)
#   a certificate of P-256        connected
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 aiortc==1.16.0 aioice==0.13.0 pyopenssl==26.4.0 cryptography==50.0.2 numpy
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import datetime
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # any machine has it
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
states, reasons = [], []
receive = SSL.Connection.recv


def receive_noting(self, *args):
    try:
        return receive(self, *args)
    except SSL.Error as error:
        reasons.extend(entry[2] for entry in (error.args[0] if error.args else []))
        raise


SSL.Connection.recv = receive_noting  # aiortc drops this error


async def answer(offer):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.on("connectionstatechange", lambda: states.append(connection.connectionState))
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp.encode()


class Whip(BaseHTTPRequestHandler):
    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            offer = b""
            while size := int(self.rfile.readline(), 16):
                offer += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            offer = self.rfile.read(int(self.headers["Content-Length"]))
        body = asyncio.run_coroutine_threadsafe(answer(offer.decode()), loop).result(10)
        self.send_response(201)
        for name, value in (("Content-Type", "application/sdp"), ("Location", "/call"), ("Content-Length", len(body))):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Whip)
threading.Thread(target=server.serve_forever, daemon=True).start()
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "call")])
now = datetime.datetime.now(datetime.timezone.utc)
made = x509.CertificateBuilder(name, name, key.public_key(), 7, now - datetime.timedelta(1), now + datetime.timedelta(1))
pem = serialization.Encoding.PEM
with open("cert.pem", "wb") as file:
    file.write(made.sign(key, hashes.SHA256()).public_bytes(pem))
with open("key.pem", "wb") as file:
    file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


# A process of its own: the muxer connects without letting other threads of Python run.
PUBLISH = """
import sys

import av
import numpy as np

container = av.open(sys.argv[1], "w", format="whip", options=dict(option.split("=") for option in sys.argv[2:]))
stream = container.add_stream("libx264", rate=30)
stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
stream.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", "profile": "baseline"}
for _ in range(10):
    for packet in stream.encode(av.VideoFrame.from_ndarray(np.zeros((240, 320, 3), np.uint8))):
        container.mux(packet)
container.close()
"""


def publish(*options):
    states.clear()
    url = f"http://127.0.0.1:{server.server_port}/"
    subprocess.run([sys.executable, "-c", PUBLISH, url, *options], timeout=60, stderr=subprocess.DEVNULL, check=False)
    return "connected" if "connected" in states else "failed"


own = publish()
print("the muxer's own certificate  ", own, f"({'; '.join(reasons)})")
given = publish("cert_file=cert.pem", "key_file=key.pem")
print("a certificate of P-256       ", given)
assert (own, given) == ("failed", "connected")
assert "wrong curve" in reasons
PYTHON
