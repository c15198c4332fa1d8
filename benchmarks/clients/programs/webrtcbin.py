"""GStreamer's webrtcbin by the system's Python, in which `gi` is: no package of ours can be imported here.

https://gstreamer.freedesktop.org/documentation/webrtc/
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

CONNECT_S = 15
HELLO_S = 15
POLL_MS = 20
PAY = {"h264": "h264parse ! rtph264pay config-interval=-1 aggregate-mode=zero-latency", "vp8": "rtpvp8pay"}
"""A camera's packets; H.264 with its parameter sets before every key frame."""
CAPS = {
    "h264": "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1",
    "vp8": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
}
DIRECTIONS = {
    "sendrecv": GstWebRTC.WebRTCRTPTransceiverDirection.SENDRECV,
    "sendonly": GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY,
    "recvonly": GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
}


class Call:
    """One call, as ordered."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._orders = orders
        self._begin_s = 0.0
        self._location = ""
        self._loop = GLib.MainLoop()
        self.result: dict[str, Any] = {
            "failure": "", "connected_ms": None, "hello": False, "picture_ms": [], "size": None,
        }  # fmt: skip
        self._pipeline = Gst.Pipeline()
        self._rtc = Gst.ElementFactory.make("webrtcbin")
        self._rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self._pipeline.add(self._rtc)
        # libnice leaves the loopback interface out unless it is named.
        self._ice = self._rtc.get_property("ice-agent")  # held: webrtcbin of GStreamer 1.22 does not own it
        self._ice.emit("add-local-ip-address", "127.0.0.1")
        self._rtc.connect("notify::ice-gathering-state", self._on_gathering)
        self._rtc.connect("notify::connection-state", self._on_state)
        self._rtc.connect("pad-added", self._on_pad)
        self._add_video()
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, message: self._end(str(message.parse_error()[0].message)))

    def run(self) -> None:
        """Hold the call until its end."""
        # A data channel can only be made once webrtcbin is READY, and an offer names it only if made before.
        self._pipeline.set_state(Gst.State.READY)
        if self._orders["channel"]:
            self._channel = self._rtc.emit("create-data-channel", "avatar", None)
            self._channel.connect("on-message-string", self._on_message)
        self._pipeline.set_state(Gst.State.PLAYING)
        self._rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._on_offer))
        GLib.timeout_add_seconds(CONNECT_S, self._end_unless_connected)
        self._loop.run()
        if self._location:
            urllib.request.urlopen(urllib.request.Request(self._location, method="DELETE"))  # noqa: S310 - ours
        self._pipeline.set_state(Gst.State.NULL)

    def _add_video(self) -> None:
        codec, direction = self._orders["codec"], self._orders["direction"]
        caps = Gst.Caps.from_string(CAPS[codec])
        if direction == "recvonly":
            self._rtc.emit("add-transceiver", DIRECTIONS[direction], caps)
            return
        camera = Gst.parse_bin_from_description(
            f"filesrc location={self._orders['camera']} ! matroskademux ! identity sync=true ! {PAY[codec]} pt=96 "
            f"! {CAPS[codec]} ! queue name=out",
            False,
        )
        camera.add_pad(Gst.GhostPad.new("src", camera.get_by_name("out").get_static_pad("src")))
        self._pipeline.add(camera)
        camera.link(self._rtc)
        self._rtc.emit("get-transceiver", 0).set_property("direction", DIRECTIONS[direction])

    def _on_offer(self, promise: Gst.Promise) -> None:
        reply = promise.get_reply()  # owns the offer
        offer = reply.get_value("offer")
        self._rtc.emit("set-local-description", offer, Gst.Promise.new())

    def _on_gathering(self, *_: Any) -> None:
        if self._rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self._call)

    def _call(self) -> bool:
        sdp = self._rtc.get_property("local-description").sdp.as_text()
        self._begin_s = time.monotonic()
        headers = {"Content-Type": "application/sdp"}
        request = urllib.request.Request(self._orders["whip"], sdp.encode(), headers)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                self._location = urljoin(self._orders["whip"], answer.headers["Location"])
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            self._end(f"the server answers {error.code}: {error.read().decode()}")
            return False
        message = GstSdp.SDPMessage.new_from_text(text)[1]
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self._rtc.emit("set-remote-description", description, Gst.Promise.new())
        return False

    def _on_state(self, *_: Any) -> None:
        state = self._rtc.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED and self.result["connected_ms"] is None:
            self.result["connected_ms"] = self._ms()
            GLib.timeout_add(POLL_MS, self._end_when_done)
        elif state == GstWebRTC.WebRTCPeerConnectionState.FAILED:
            self._end("the connection is failed")

    def _on_pad(self, _: Gst.Element, pad: Gst.Pad) -> None:
        if pad.direction != Gst.PadDirection.SRC:
            return
        decoder = Gst.parse_bin_from_description(
            "decodebin name=in ! videoconvert ! appsink name=sink emit-signals=true sync=false", False
        )
        decoder.add_pad(Gst.GhostPad.new("sink", decoder.get_by_name("in").get_static_pad("sink")))
        self._pipeline.add(decoder)
        decoder.get_by_name("sink").connect("new-sample", self._on_picture)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def _on_picture(self, sink: Gst.Element) -> Gst.FlowReturn:
        caps = sink.emit("pull-sample").get_caps().get_structure(0)
        self.result["picture_ms"].append(self._ms())
        self.result["size"] = [caps.get_value("width"), caps.get_value("height")]
        return Gst.FlowReturn.OK

    def _on_message(self, _: Any, text: str) -> None:
        self.result["hello"] |= json.loads(text)["type"] == "hello"

    def _end_when_done(self) -> bool:
        since_ms = self._ms() - self.result["connected_ms"]
        greeted = not self._orders["channel"] or self.result["hello"] or since_ms > 1000 * HELLO_S
        return self._end() if since_ms > 1000 * self._orders["seconds"] and greeted else True

    def _end_unless_connected(self) -> bool:
        if self.result["connected_ms"] is None:
            self._end(f"waited {CONNECT_S} s for the connection")
        return False

    def _end(self, failure: str = "") -> bool:
        self.result["failure"] = self.result["failure"] or failure
        self._loop.quit()
        return False

    def _ms(self) -> float:
        return 1000 * (time.monotonic() - self._begin_s)


Gst.init(None)
call = Call(json.loads(sys.argv[1]))
call.run()
print(json.dumps(call.result), flush=True)
