// Runs in a page of the server's own, in Chromium: selenium hands in the orders and what to call with the result.

const [orders, done] = arguments;
const CONNECT_MS = 15000;
const HELLO_MS = 15000;
const result = { failure: "", connected_ms: null, hello: false, picture_ms: [], size: null };

async function call() {
  const camera =
    orders.direction === "recvonly"
      ? null
      : await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 } });
  const connection = new RTCPeerConnection();
  const transceiver = connection.addTransceiver(camera?.getVideoTracks()[0] ?? "video", {
    direction: orders.direction,
  });
  const known = RTCRtpReceiver.getCapabilities("video").codecs;
  const kinds = [`video/${orders.codec}`, "video/rtx"];
  transceiver.setCodecPreferences(known.filter((codec) => kinds.includes(codec.mimeType.toLowerCase())));
  if (orders.channel)
    connection.createDataChannel("avatar").onmessage = ({ data }) => {
      result.hello ||= JSON.parse(data).type === "hello";
    };

  const connected = new Promise((resolve, reject) => {
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "connected") resolve();
      if (connection.connectionState === "failed") reject(new Error("the connection is failed"));
    };
    setTimeout(() => reject(new Error(`waited ${CONNECT_MS / 1000} s for the connection`)), CONNECT_MS);
  });
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete")
    await new Promise((resolve) => connection.addEventListener("icegatheringstatechange", resolve, { once: true }));
  const beginMs = performance.now();
  const answer = await fetch(orders.whip, {
    method: "POST",
    body: connection.localDescription.sdp,
    headers: { "content-type": "application/sdp" },
  });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(`the server answers ${answer.status}: ${sdp}`);
  try {
    await connection.setRemoteDescription({ type: "answer", sdp });
    if (orders.direction !== "sendonly") count(transceiver.receiver.track, beginMs);
    await connected;
    result.connected_ms = performance.now() - beginMs;
    await new Promise((resolve) => setTimeout(resolve, 1000 * orders.seconds));
    for (let waitedMs = 0; orders.channel && !result.hello && waitedMs < HELLO_MS; waitedMs += 50)
      await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    await fetch(answer.headers.get("location"), { method: "DELETE" });
    connection.close();
    for (const track of camera?.getTracks() ?? []) track.stop();
  }
}

// Every decoded picture, whether the page would have shown it or not.
async function count(track, beginMs) {
  const pictures = new MediaStreamTrackProcessor({ track }).readable.getReader();
  for (let next = await pictures.read(); !next.done; next = await pictures.read()) {
    result.picture_ms.push(performance.now() - beginMs);
    result.size = [next.value.displayWidth, next.value.displayHeight];
    next.value.close();
  }
}

call()
  .catch((error) => {
    result.failure = String(error.message ?? error);
  })
  .finally(() => done(result));
