// libdatachannel, which OBS Studio uses too, by its binding for Node: https://github.com/murat-dogan/node-datachannel

import datachannel from "node-datachannel";

import { orders, run, until } from "./call.mjs";

const SSRC = 0x0ca11e4;
const DIRECTIONS = { sendrecv: "SendRecv", sendonly: "SendOnly", recvonly: "RecvOnly" };

// The library drops a track or a channel that nobody holds, whatever is under way on it.
let track;
let channel;

await run(async (call) => {
  const connection = new datachannel.PeerConnection("client", { iceServers: [], bindAddress: "127.0.0.1" });
  const video = new datachannel.Video("video", DIRECTIONS[orders.direction]);
  if (orders.codec === "h264") video.addH264Codec(96);
  else video.addVP8Codec(96);
  if (orders.direction !== "recvonly") video.addSSRC(SSRC, "camera", "camera", "camera");
  track = connection.addTrack(video);
  track.setMediaHandler(new datachannel.RtcpReceivingSession()); // sends the receiver's reports
  track.onMessage((packet) => call.packet(packet));
  if (orders.channel) {
    channel = connection.createDataChannel("avatar");
    channel.onMessage((text) => call.message(text));
  }

  connection.setLocalDescription("offer");
  await until(() => connection.gatheringState() === "complete", "its own addresses");
  connection.onStateChange((state) => state === "connected" && call.connected());
  connection.setRemoteDescription(await call.offer(connection.localDescription().sdp), "answer");
  await until(() => connection.state() !== "connecting" && track.isOpen(), "the connection");
  if (connection.state() !== "connected") throw new Error(`the connection is ${connection.state()}`);
  await call.play((rtp) => {
    rtp.writeUInt32BE(SSRC, 8);
    track.sendMessageBinary(rtp);
  });
});
