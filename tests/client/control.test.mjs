import assert from "node:assert/strict";
import { test } from "node:test";

import { ControlRefused, Replies, formatMessage, parseMessage } from "../../client/control.js";

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
  test(`junk is dropped: ${what}`, () => assert.equal(parseMessage(junk), null));

test("what the page says carries the version, and an id when an answer is wanted", () => {
  assert.deepEqual(JSON.parse(formatMessage({ type: "calibrate" }, "q1")), { v: 1, id: "q1", type: "calibrate" });
  assert.deepEqual(JSON.parse(formatMessage({ type: "ping", t: 5 })), { v: 1, type: "ping", t: 5 });
});

test("an answer without reply_to settles the oldest question of its kind", async () => {
  const replies = new Replies();
  const first = replies.expect("avatar", 1000);
  const second = replies.expect("calibrated", 1000);
  replies.settle({ type: "calibrated" });
  assert.equal((await second.reply).type, "calibrated");
  replies.settle({ type: "avatar", avatar: "a" });
  assert.equal((await first.reply).type, "avatar");
});

test("the answer to a change of what moves the avatar settles it, and a refusal does too", async () => {
  const replies = new Replies();
  const voice = replies.expect("drive", 1000);
  const both = replies.expect("drive", 1000);
  const answer = { v: 1, type: "drive", drive: "both", reply_to: both.id };
  replies.settle(parseMessage(JSON.stringify(answer)));
  assert.equal((await both.reply).drive, "both");
  replies.settle({ type: "error", code: "not_ready", detail: "wait", reply_to: voice.id });
  await assert.rejects(voice.reply, { code: "not_ready" });
  assert.equal(parseMessage(JSON.stringify({ v: 1, type: "drive" })), null);
});

test("a refusal goes to the question it names, with the server's word for it", async () => {
  const replies = new Replies();
  const swap = replies.expect("avatar", 1000);
  replies.settle({ type: "error", code: "unknown_avatar", detail: "gone", reply_to: swap.id });
  await assert.rejects(swap.reply, (error) => error instanceof ControlRefused && error.code === "unknown_avatar");
});

test("a question nobody answers fails after its time, and all fail when the line is gone", async () => {
  const replies = new Replies();
  await assert.rejects(replies.expect("calibrated", 10).reply, { code: "no_reply" });
  const open = replies.expect("calibrated", 10_000);
  replies.clear();
  await assert.rejects(open.reply, { code: "connection_lost" });
});
