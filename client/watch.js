/** The page of who watches a call by its link: picture and sound, and a word where there is none. */

import { retryDelayMs } from "./call/reconnect.js";
import { ApiError } from "./protocol/http-api.js";
import { endCall, gatherCandidates, postOffer } from "./protocol/whip.js";
import { getIceServers } from "./protocol/whep.js";
import { byId, button, video } from "./views/dom.js";

const address = location.pathname.replace(/^\/watch\//, "/whep/");
const picture = video("picture");
const status = byId("status", HTMLElement);
const sound = button("sound");
let callUrl = "";

/** @param {string} text */
function say(text) {
  status.textContent = text;
}

/**
 * Watch until the connection is lost.
 *
 * @returns {Promise<void>}
 */
async function watch() {
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: await getIceServers(address) });
  try {
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
    const stream = new MediaStream();
    peer.addEventListener("track", ({ track }) => stream.addTrack(track));
    picture.srcObject = stream;
    await peer.setLocalDescription();
    await gatherCandidates(peer);
    const sdp = peer.localDescription?.sdp ?? "";
    const { answer, callUrl: url } = await postOffer(address, sdp, AbortSignal.timeout(15_000));
    callUrl = url;
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
    await lost(peer);
  } finally {
    peer.close();
    if (callUrl) void endCall(callUrl);
    callUrl = "";
  }
}

/**
 * @param {RTCPeerConnection} peer
 * @returns {Promise<void>} resolved when it has come to its end
 */
function lost(peer) {
  return new Promise((resolve) => {
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "connected") say("");
      if (["failed", "closed", "disconnected"].includes(peer.connectionState)) resolve();
    });
    // The server's goodbye: without it, the last picture would stand until five seconds of silence have passed.
    const transport = peer.getReceivers()[0]?.transport;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed") resolve();
    });
  });
}

/** Watch, and again where the connection is lost, until the call has ended. */
async function watchOn(failures = 0) {
  const beganMs = performance.now();
  try {
    await watch();
    say("The connection was lost. Trying again");
  } catch (error) {
    sound.hidden = true;
    if (error instanceof ApiError && error.code === "unknown_call") {
      picture.srcObject = null; // a stream that has ended would be shown as a black picture
      return say("This call has ended.");
    }
    say(error instanceof ApiError ? error.detail : "This browser could not connect.");
  }
  const next = performance.now() - beganMs > 60_000 ? 0 : failures;
  setTimeout(() => void watchOn(next + 1), retryDelayMs(next, Math.random()));
}

picture.addEventListener("playing", () => {
  sound.hidden = !picture.muted;
});
sound.addEventListener("click", () => {
  picture.muted = false;
  sound.hidden = true;
});
addEventListener("pagehide", () => {
  if (callUrl) void endCall(callUrl);
});
if (typeof RTCPeerConnection === "undefined") say("This browser has no WebRTC.");
else void watchOn();
