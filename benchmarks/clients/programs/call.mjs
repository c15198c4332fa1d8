// What the two Node clients share: one call's orders, its offer and answer, and RTP dumps of what is sent and received.

import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";

const FILE_HEADER_BYTES = 16;
const PACKET_HEADER_BYTES = 8;
const SEND_EVERY_MS = 5;
const HELLO_MS = 15000;

/** The orders, from the command line: whip, codec, direction, seconds, camera and received. */
export const orders = JSON.parse(process.argv[2]);

/** Payload type of the codec ordered, in a session description; undefined when it is not there. */
export function payloadType(sdp) {
  const found = new RegExp(`^a=rtpmap:(\\d+) ${orders.codec}/90000`, "im").exec(sdp);
  return found ? Number(found[1]) : undefined;
}

/** One call from its offer on: everything is timed from there. */
export class Call {
  result = { failure: "", connected_ms: null, hello: false, payload_type: null };
  #beginMs = 0;
  #location = "";
  #received = createWriteStream(orders.received);

  constructor() {
    this.#received.write("#!rtpplay1.0 127.0.0.1/0\n");
    this.#received.write(Buffer.alloc(FILE_HEADER_BYTES));
  }

  /** Send the offer; return the answer. */
  async offer(sdp) {
    this.#beginMs = performance.now();
    const answer = await fetch(orders.whip, {
      method: "POST",
      body: sdp,
      headers: { "content-type": "application/sdp" },
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`the server answers ${answer.status}: ${text}`);
    this.#location = new URL(answer.headers.get("location"), orders.whip).href;
    this.result.payload_type = payloadType(text) ?? null;
    return text;
  }

  connected() {
    this.result.connected_ms ??= performance.now() - this.#beginMs;
  }

  message(text) {
    this.result.hello ||= JSON.parse(text).type === "hello";
  }

  packet(rtp) {
    const header = Buffer.alloc(PACKET_HEADER_BYTES);
    header.writeUInt16BE(PACKET_HEADER_BYTES + rtp.length, 0);
    header.writeUInt16BE(rtp.length, 2);
    header.writeUInt32BE(Math.round(performance.now() - this.#beginMs), 4);
    this.#received.write(Buffer.concat([header, rtp]));
  }

  /** Play the camera for the seconds ordered, and until the server has said hello where there is a channel; `send` gets
   * each packet with the payload type agreed upon. */
  async play(send) {
    const packets = orders.direction === "recvonly" ? [] : camera(this.result.payload_type);
    const beginMs = performance.now();
    const enough = (ms) => ms > 1000 * orders.seconds && (!orders.channel || this.result.hello || ms > HELLO_MS);
    for (let next = 0; !enough(performance.now() - beginMs); ) {
      while (next < packets.length && packets[next].atMs <= performance.now() - beginMs) send(packets[next++].rtp);
      await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS));
    }
  }

  /** End the call on the server, and tell the result. */
  async end(failure = "") {
    this.result.failure = failure;
    if (this.#location) await fetch(this.#location, { method: "DELETE" });
    this.#received.end();
    await once(this.#received, "finish");
    process.stdout.write(`${JSON.stringify(this.result)}\n`);
  }
}

/** Run a client: tell the result of its call even where it fails. */
export async function run(client) {
  const call = new Call();
  try {
    await client(call);
    await call.end();
  } catch (error) {
    await call.end(String(error.message ?? error));
  }
  process.exit(0); // the libraries' own threads and sockets would keep the process alive
}

/** Wait for a condition; throw when it does not come to pass. */
export async function until(condition, what, seconds = 15) {
  const endMs = performance.now() + 1000 * seconds;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS));
  }
}

function camera(type) {
  const data = readFileSync(orders.camera);
  const packets = [];
  for (let at = data.indexOf("\n") + 1 + FILE_HEADER_BYTES; at < data.length; at += data.readUInt16BE(at)) {
    const begin = at + PACKET_HEADER_BYTES;
    const rtp = data.subarray(begin, begin + data.readUInt16BE(at + 2));
    rtp[1] = (rtp[1] & 0x80) | type;
    packets.push({ atMs: data.readUInt32BE(at + 4), rtp });
  }
  return packets;
}
