import assert from "node:assert/strict";
import { test } from "node:test";

import { parseMessage } from "../../../client/protocol/data-channel.js";
import { PendingRequests, RequestRefused } from "../../../client/protocol/pending-requests.js";

test("an answer without reply_to settles the oldest request of its kind", async () => {
  const requests = new PendingRequests();
  const first = requests.add("avatar", 1000);
  const second = requests.add("calibrated", 1000);
  requests.settle({ type: "calibrated" });
  assert.equal((await second.reply).type, "calibrated");
  requests.settle({ type: "avatar", avatar: "a" });
  assert.equal((await first.reply).type, "avatar");
});

test("the answer to a change of what moves the avatar settles it, and a refusal does too", async () => {
  const requests = new PendingRequests();
  const voice = requests.add("drive", 1000);
  const both = requests.add("drive", 1000);
  const answer = { v: 1, type: "drive", drive: "both", reply_to: both.id };
  requests.settle(parseMessage(JSON.stringify(answer)));
  assert.equal((await both.reply).drive, "both");
  requests.settle({ type: "error", code: "not_ready", detail: "wait", reply_to: voice.id });
  await assert.rejects(voice.reply, { code: "not_ready" });
  assert.equal(parseMessage(JSON.stringify({ v: 1, type: "drive" })), null);
});

test("a refusal settles the request it names, with the server's code", async () => {
  const requests = new PendingRequests();
  const swap = requests.add("avatar", 1000);
  requests.settle({ type: "error", code: "unknown_avatar", detail: "gone", reply_to: swap.id });
  await assert.rejects(swap.reply, (error) => error instanceof RequestRefused && error.code === "unknown_avatar");
});

test("a request without an answer fails after its time, and all fail when the connection is lost", async () => {
  const requests = new PendingRequests();
  await assert.rejects(requests.add("calibrated", 10).reply, { code: "no_reply" });
  const open = requests.add("calibrated", 10_000);
  requests.rejectAll();
  await assert.rejects(open.reply, { code: "connection_lost" });
});
