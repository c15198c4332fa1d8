#!/usr/bin/env bash
# node-datachannel 0.33.4: a data channel that no variable holds is closed by the next garbage collection, though its
# connection is open and a handler of messages is set; nothing is told. (In browsers a channel with handlers lives on.)
# Tracks behave alike. Keep every channel and track in a variable for as long as the call lasts.
#
# Output seen:
#   held: heard 5 of 5
#   not held: heard 0 of 5
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund node-datachannel@0.33.4
cat > channel.mjs <<'JAVASCRIPT'
import { setTimeout as sleep } from "node:timers/promises";
import datachannel from "node-datachannel";

async function heard(hold) {
  const [one, two] = ["one", "two"].map((name) => new datachannel.PeerConnection(name, { iceServers: [] }));
  for (const [from, to] of [[one, two], [two, one]]) {
    from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type));
    from.onLocalCandidate((candidate, mid) => to.addRemoteCandidate(candidate, mid));
  }
  let other;
  two.onDataChannel((channel) => { other = channel; });
  let held;
  let count = 0;
  (() => {
    const channel = one.createDataChannel("data");
    channel.onMessage(() => { count++; });
    if (hold) held = channel;
  })();
  while (!other?.isOpen()) await sleep(10);
  await sleep(200);
  global.gc();
  await sleep(200);
  for (let i = 0; i < 5; i++) if (other.isOpen()) other.sendMessage("hello");
  await sleep(500);
  console.log(`${hold ? "held" : "not held"}: heard ${count} of 5`);
  held?.close();
  one.close();
  two.close();
  return count;
}

const counts = [await heard(true), await heard(false)];
process.exit(counts[0] === 5 && counts[1] === 0 ? 0 : 1);
JAVASCRIPT
node --expose-gc channel.mjs
