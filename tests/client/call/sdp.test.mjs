import assert from "node:assert/strict";
import { test } from "node:test";

import { separateAudioStream } from "../../../client/call/sdp.js";

const answer = [
  "v=0",
  "a=msid-semantic:WMS *",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=msid:one picture",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=msid:one sound-track",
  "a=ssrc:42 msid:one sound-track",
  "a=ssrc:42 cname:one",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "",
].join("\r\n");

test("sound that is not played gets a stream of its own, so that the picture need not wait for it", () => {
  const lines = separateAudioStream(answer).split("\r\n");
  assert.ok(lines.includes("a=msid:one picture"));
  assert.ok(lines.includes("a=msid:sound sound-track"));
  assert.ok(lines.includes("a=ssrc:42 msid:sound sound-track"));
});

test("nothing else of the answer changes", () => {
  assert.equal(separateAudioStream(answer).replaceAll("msid:sound ", "msid:one "), answer);
  const silent = answer.replaceAll(/m=audio.*|a=(msid|ssrc).*sound-track/g, "a=x");
  assert.equal(separateAudioStream(silent), silent);
});
