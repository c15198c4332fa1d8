"""Of a camera that comes in several sizes at once, one is taken: the packets of the others are left out.

A browser that reads the answer sends one; OBS and others send all they have offered. aiortc 1.16 knows no simulcast and
would put them in one row, as if they were one stream. Touches aiortc's private parts on one connection's own objects,
as `aiortc_tuning` does; `tests/stream/rtp/test_one_layer.py` says which one has gone when aiortc changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from aiortc import RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import RtpPacket

from avatar.stream.sdp.simulcast import RID_EXTENSION, Layer
from avatar.stream.tuning.aiortc_tuning import private_name


def take_one_layer(transceiver: RTCRtpTransceiver, layer: Layer) -> None:
    """Receive one layer of what a transceiver is sent; call it between the offer and its answer."""
    if layer.extension is not None:
        known = getattr(transceiver, private_name(transceiver, "headerExtensions"))
        known.append(RTCRtpHeaderExtensionParameters(id=layer.extension, uri=RID_EXTENSION))
    repairs = {
        codec.payloadType for codec in getattr(transceiver, private_name(transceiver, "codecs")) if is_rtx(codec)
    }
    receiver = transceiver.receiver
    router = getattr(receiver.transport, private_name(receiver.transport, "rtp_router"))
    route = cast(Callable[[RtpPacket], Any], router.route_rtp)

    def route_one(packet: RtpPacket) -> Any:
        if packet.ssrc in router.ssrc_table or packet.payload_type in repairs:
            return route(packet)
        if receiver not in router.payload_type_table.get(packet.payload_type, ()):
            return route(packet)
        taken = [ssrc for ssrc, of in router.ssrc_table.items() if of is receiver]
        name = packet.extensions.rtp_stream_id
        if layer.name is not None and name is not None:
            if name != layer.name:
                return None
            for ssrc in taken:  # one that did not say its name came first
                del router.ssrc_table[ssrc]
            return route(packet)
        return None if taken else route(packet)

    router.route_rtp = route_one
