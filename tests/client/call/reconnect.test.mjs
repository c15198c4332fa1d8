import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../client/protocol/http-api.js";
import { ConnectError, isSilent, lostCallDelayMs, nextStep, retryDelayMs, shouldAsk } from "../../../client/call/reconnect.js";

test("tries come slower and slower, but never slower than about ten seconds", () => {
  const delays = [0, 1, 2, 3, 4, 5, 20].map((failures) => retryDelayMs(failures, 0.5));
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.ok(retryDelayMs(20, 1) <= 12_500);
  assert.ok(retryDelayMs(0, 0) >= 375);
});

test("a server that is not there at all is looked for every few seconds, so that one started anew is found soon", () => {
  assert.ok(retryDelayMs(20, 1, true) <= 2_500);
  assert.equal(retryDelayMs(0, 0.5, true), 500);
});

test("pages that lost the same server do not all return in the same moment", () => {
  assert.notEqual(retryDelayMs(2, 0.1), retryDelayMs(2, 0.9));
});

test("a full server is waited for as long as it says, within reason", () => {
  assert.deepEqual(nextStep(new ApiError(503, "server_full", "", 7)), { kind: "wait", code: "server_full", seconds: 7 });
  assert.equal(nextStep(new ApiError(503, "server_full", "", null)).seconds, 10);
  assert.equal(nextStep(new ApiError(503, "server_full", "", 86_400)).seconds, 120);
  assert.equal(nextStep(new ApiError(503, "server_full", "", 0)).seconds, 1);
});

test("who asks too often waits as long as the server says", () => {
  const refused = new ApiError(429, "too_many_requests", "", 7);
  assert.deepEqual(nextStep(refused), { kind: "wait", code: "too_many_requests", seconds: 7 });
  assert.equal(nextStep(new ApiError(429, "too_many_calls", "", 10)).kind, "wait");
});

test("what cannot get better by waiting is given up, with the reason", () => {
  assert.equal(nextStep(new ApiError(404, "unknown_avatar", "gone")).kind, "give_up");
  assert.equal(nextStep(new ApiError(400, "bad_offer", "no video")).code, "bad_offer");
  assert.equal(nextStep(new ApiError(401, "unauthorized", "")).kind, "give_up");
  assert.equal(nextStep(new ApiError(503, "model_missing", "pull it")).kind, "give_up");
  assert.equal(nextStep(new TypeError("bug")).kind, "give_up");
});

test("what may be over in a moment is tried again", () => {
  assert.deepEqual(nextStep(new ApiError(0, "server_unreachable", "")), { kind: "retry", code: "server_unreachable" });
  assert.equal(nextStep(new ApiError(502, "error", "")).kind, "retry");
  assert.equal(nextStep(new ConnectError()).code, "media_blocked");
});

test("a server that has said nothing for several seconds counts as lost", () => {
  assert.equal(isSilent(1000, 6000), false);
  assert.equal(isSilent(1000, 7500), true);
});

test("a server whose media stop is asked within a second whether the call goes on, and not asked on and on", () => {
  const signs = { packetMs: 10_000, messageMs: 10_300, askedMs: -Infinity };
  assert.equal(shouldAsk(signs, 10_400), false);
  assert.equal(shouldAsk(signs, 10_700), true);
  assert.equal(shouldAsk({ ...signs, messageMs: 11_300, askedMs: 10_700 }, 12_000), false, "a page that is hidden");
  assert.equal(shouldAsk({ packetMs: 11_000, messageMs: 11_300, askedMs: 10_700 }, 11_700), true, "media that came back");
});

test("a server that says nothing at all is asked again and again", () => {
  const signs = { packetMs: -Infinity, messageMs: 10_000, askedMs: -Infinity };
  assert.equal(shouldAsk(signs, 11_400), false);
  assert.equal(shouldAsk(signs, 11_600), true);
  assert.equal(shouldAsk({ ...signs, askedMs: 11_600 }, 12_000), false);
  assert.equal(shouldAsk({ ...signs, askedMs: 11_600 }, 12_700), true);
});

test("a call whose server has gone is made again at once, though not by all in the same moment", () => {
  assert.ok(lostCallDelayMs(1) <= 250);
  assert.notEqual(lostCallDelayMs(0.1), lostCallDelayMs(0.9));
});
