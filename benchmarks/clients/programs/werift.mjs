// werift, WebRTC written in TypeScript from sockets to codecs: https://github.com/shinyoshiaki/werift-webrtc

import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from "werift";

import { orders, run, until } from "./call.mjs";

const FEEDBACK = [{ type: "nack" }, { type: "nack", parameter: "pli" }, { type: "goog-remb" }];
const CODECS = {
  h264: new RTCRtpCodecParameters({
    mimeType: "video/H264",
    clockRate: 90000,
    rtcpFeedback: FEEDBACK,
    parameters: "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
  }),
  vp8: new RTCRtpCodecParameters({ mimeType: "video/VP8", clockRate: 90000, rtcpFeedback: FEEDBACK }),
};

await run(async (call) => {
  const connection = new RTCPeerConnection({
    iceServers: [],
    iceAdditionalHostAddresses: ["127.0.0.1"],
    codecs: { video: [CODECS[orders.codec]] },
  });
  const camera = new MediaStreamTrack({ kind: "video" });
  const transceiver = connection.addTransceiver(orders.direction === "recvonly" ? "video" : camera, {
    direction: orders.direction,
  });
  transceiver.onTrack.subscribe((track) => track.onReceiveRtp.subscribe((rtp) => call.packet(rtp.serialize())));
  if (orders.channel) connection.createDataChannel("avatar").onMessage.subscribe((text) => call.message(text));
  connection.connectionStateChange.subscribe((state) => state === "connected" && call.connected());

  await connection.setLocalDescription(await connection.createOffer());
  await until(() => connection.iceGatheringState === "complete", "its own addresses");
  const sdp = await call.offer(connection.localDescription.sdp);
  await connection.setRemoteDescription({ type: "answer", sdp });
  await until(() => !["new", "connecting"].includes(connection.connectionState), "the connection");
  if (connection.connectionState !== "connected") throw new Error(`the connection is ${connection.connectionState}`);
  await call.play((rtp) => camera.writeRtp(rtp));
});
