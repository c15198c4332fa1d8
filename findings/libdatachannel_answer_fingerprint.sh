#!/usr/bin/env bash
# node-datachannel 0.33.4 (libdatachannel 0.24.5), offering to aiortc 1.16.0: up to seven of eight calls fail while the
# answer tells aiortc's three fingerprints (sha-256, sha-384, sha-512) of its one certificate; none with sha-256 alone.
#
# libdatachannel hands an answer to its ICE agent before it keeps it. Where a connectivity check has come before the
# answer, as checks of a peer on a short way do, ICE is connected at once and DTLS begins with the hash that is taken when
# nothing is known yet, SHA-256. What that gives is then compared with the last fingerprint of the answer: "unknown CA".
# Who begins the handshake (a=setup) makes no difference.
#
# Output seen (how soon one fails is a race between two threads):
#   sha-256 sha-384 sha-512: failed at call 1
#   sha-256: 8 of 8 connected
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0
cd "$folder"
npm install --silent --no-audit --no-fund node-datachannel@0.33.4

cat > answer.py <<'PYTHON'
import asyncio
import json
import re
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription


async def main() -> None:
    connection = RTCPeerConnection()
    offer = RTCSessionDescription(json.loads(sys.stdin.readline()), "offer")
    await connection.setRemoteDescription(offer)
    await connection.setLocalDescription(await connection.createAnswer())
    told = "|".join(sys.argv[1:])
    sdp = re.sub(rf"a=fingerprint:(?!{told}).*\r\n", "", connection.localDescription.sdp)
    print(json.dumps(sdp), flush=True)
    await asyncio.to_thread(sys.stdin.readline)


asyncio.run(main())
PYTHON

cat > offer.mjs <<'JAVASCRIPT'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import datachannel from "node-datachannel";

async function connects(fingerprints) {
  const answerer = spawn("venv/bin/python", ["answer.py", ...fingerprints], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = new datachannel.PeerConnection("offerer", { iceServers: [] });
  const channel = connection.createDataChannel("data");
  while (connection.gatheringState() !== "complete") await sleep(10);
  answerer.stdin.write(`${JSON.stringify(connection.localDescription().sdp)}\n`);
  const [answer] = await once(createInterface({ input: answerer.stdout }), "line");
  await sleep(10); // an answer takes its time; the answerer's first check is here before it
  connection.setRemoteDescription(JSON.parse(answer), "answer");
  for (let i = 0; i < 1000 && !["connected", "failed", "closed"].includes(connection.state()); i++) await sleep(10);
  await sleep(200); // `failed` may come yet: the answerer has the last word in a handshake
  const connected = connection.state() === "connected";
  channel.close();
  connection.close();
  answerer.stdin.end("\n");
  await once(answerer, "exit");
  return connected;
}

const MANY = 24;
let failed = 0;
for (let call = 1; call <= MANY && !failed; call++)
  if (!(await connects(["sha-256", "sha-384", "sha-512"]))) failed = call;
console.log(`sha-256 sha-384 sha-512: ${failed ? `failed at call ${failed}` : `${MANY} of ${MANY} connected`}`);
let connected = 0;
for (let call = 0; call < 8; call++) connected += await connects(["sha-256"]);
console.log(`sha-256: ${connected} of 8 connected`);
process.exit(failed && connected === 8 ? 0 : 1);
JAVASCRIPT
node offer.mjs
