import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { answerType, formatMessage, parseMessage } from "../../../client/protocol/data-channel.js";

const stats = {
  v: 1,
  type: "stats",
  fps: 30,
  camera_fps: 30,
  latency_ms: null,
  stage_ms: { encode: 1.2 },
  bitrate_bps: 1e6,
  width: 512,
  height: 512,
  dropped: 0,
  face: "tracked",
  av_offset_ms: 3,
};

test("a message of the server is understood", () => {
  assert.equal(parseMessage(JSON.stringify(stats))?.type, "stats");
  const hello = { v: 1, type: "hello", session: "s", avatar: null, drive: "voice", width: 512, height: 512, fps: 30 };
  assert.equal(parseMessage(JSON.stringify(hello))?.type, "hello");
});

test("a newer server may say more than this page knows", () => {
  assert.ok(parseMessage(JSON.stringify({ ...stats, colour: "blue" })));
});

for (const [what, junk] of Object.entries({
  "bytes": new ArrayBuffer(4),
  "not JSON": "{",
  "a list": "[1]",
  "null": "null",
  "no version": JSON.stringify({ ...stats, v: undefined }),
  "another version": JSON.stringify({ ...stats, v: 2 }),
  "an unknown type": JSON.stringify({ v: 1, type: "surprise" }),
  "a name of Object.prototype": JSON.stringify({ v: 1, type: "constructor" }),
  "a missing field": JSON.stringify({ ...stats, fps: undefined }),
  "a field of the wrong kind": JSON.stringify({ ...stats, fps: "30" }),
  "stages that are a list": JSON.stringify({ ...stats, stage_ms: [] }),
}))
  test(`a malformed message is dropped: ${what}`, () => assert.equal(parseMessage(junk), null));

test("what the page sends carries the version, and an id when an answer is wanted", () => {
  assert.deepEqual(JSON.parse(formatMessage({ type: "calibrate" }, "q1")), { v: 1, id: "q1", type: "calibrate" });
  assert.deepEqual(JSON.parse(formatMessage({ type: "ping", t: 5 })), { v: 1, type: "ping", t: 5 });
});

const caption = { v: 1, type: "caption", speaker: "you", text: "", turn: 1, seconds: 1.26, unspoken: "" };

test("a conversation's messages are parsed, and malformed ones are dropped", () => {
  assert.deepEqual(parseMessage(JSON.stringify(caption)), caption);
  assert.equal(parseMessage(JSON.stringify({ ...caption, text: 3 })), null);
  assert.ok(parseMessage('{"v":1,"type":"interrupted","turn":1,"heard_ms":120}'));
  assert.equal(parseMessage('{"v":1,"type":"answered","turn":1}'), null);
});

test("the codec knows the messages of docs/protocol.md, and no others", () => {
  const docs = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
  const section = docs.slice(docs.indexOf("\n## Data channel\n"), docs.indexOf("\n### Why a call ends\n"));
  const [toServer, fromServer] = section.split("\n| from the server |").map((part) => part.split("\n"));
  const requests = toServer.flatMap((row) => row.match(/^\| `(\{.*?\})`/)?.[1] ?? []).map((text) => JSON.parse(text));
  assert.ok(requests.length >= 5);
  for (const request of requests) assert.ok(["cue", "sound", "devices"].includes(request.type) || answerType(request), request.type);
  const answers = fromServer.flatMap((row) => [.../^\| (.*?) \|/.exec(row)?.[1].matchAll(/`(\w+)`/g) ?? []]);
  const source = readFileSync(new URL("../../../client/protocol/data-channel.js", import.meta.url), "utf8");
  const schema = source.slice(source.indexOf("const SCHEMA"), source.indexOf("\n});", source.indexOf("const SCHEMA")));
  const known = [...schema.matchAll(/^  (\w+): \{/gm)].map(([, type]) => type);
  assert.deepEqual(known.sort(), answers.map(([, type]) => type).sort());
});

test("no other module reads or writes the channel's text", () => {
  const client = new URL("../../../client/", import.meta.url);
  const users = readdirSync(client, { recursive: true })
    .filter((name) => name.endsWith(".js"))
    .filter((name) => /\bJSON\./.test(readFileSync(new URL(name, client), "utf8")));
  assert.deepEqual(users.sort(), ["preferences.js", "protocol/data-channel.js"]); // The first stores ids in the browser.
});
