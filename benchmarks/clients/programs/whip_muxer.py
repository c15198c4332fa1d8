"""FFmpeg's WHIP muxer by PyAV: it sends a camera, and a microphone where its file has one, and can receive nothing.

Like every muxer it says of a call only that it could be opened: for it that is a DTLS handshake come to its end.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import av
from av.error import FFmpegError

orders = json.loads(sys.argv[1])
result: dict[str, Any] = {"failure": "", "connected_ms": None, "hello": False, "picture_ms": [], "size": None}
keys = {name: orders[name] for name in ("cert_file", "key_file") if orders.get(name)}
av.logging.set_level(av.logging.ERROR)
begin_s = time.monotonic()
try:
    with (
        av.logging.Capture() as said,
        av.open(orders["camera"]) as camera,
        av.open(orders["whip"], "w", format="whip", options={**keys, "handshake_timeout": "15000"}) as call,
    ):
        streams = {stream: call.add_stream_from_template(stream) for stream in camera.streams}
        call.start_encoding()
        begin_ms = 1000 * (time.monotonic() - begin_s)
        result["connected_ms"], result["film_begins_s"] = begin_ms, time.monotonic()
        for packet in camera.demux():
            if packet.pts is None:
                continue
            due_s = float(packet.pts * packet.time_base)
            if due_s > orders["seconds"]:
                break
            time.sleep(max(0.0, begin_s + begin_ms / 1000 + due_s - time.monotonic()))
            packet.stream = streams[packet.stream]
            call.mux(packet)
except FFmpegError as error:
    result["failure"] = " ".join([str(error), *(line.strip() for _, _, line in said)])
print(json.dumps(result), flush=True)
