import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { CALL_TEXTS } from "../../../../client/views/texts/call-texts.js";
import { describe, describeEnd, describeRefusedWatching } from "../../../../client/views/texts/describe.js";
import { DEVICE_TEXTS } from "../../../../client/views/texts/device-texts.js";
import { PHOTO_TEXTS } from "../../../../client/views/texts/photo-texts.js";

const CODES = Object.keys({ ...CALL_TEXTS, ...DEVICE_TEXTS, ...PHOTO_TEXTS });
const root = new URL("../../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

test("every message says what happened, and what to do", () => {
  for (const code of CODES) {
    const { title, text } = describe(code);
    assert.ok(title.length > 5, code);
    assert.ok(!title.endsWith("."), code);
    if (code !== "ended_left") assert.ok(text.endsWith(".") || text.includes("avatar "), code);
  }
});

test("the page has a text for every photo that the server refuses", () => {
  const refusals = read("avatar/server/problems.py").matchAll(/"(\w+)": (?:413|415|422),/g);
  const ours = new Set(CODES);
  const elsewhere = new Set(["wrong_type", "bad_identity_file", "ice_restart"]); // The page never sends what earns these.
  const missing = [...refusals].map(([, code]) => code).filter((code) => !ours.has(code) && !elsewhere.has(code));
  assert.deepEqual(missing, []);
});

test("every code that the page itself uses has a text", () => {
  const used = readdirSync(new URL("client/", root), { recursive: true })
    .filter((name) => name.endsWith(".js"))
    .flatMap((name) => [...read(`client/${name}`).matchAll(/describe\("(\w+)"/g)])
    .map(([, code]) => code);
  assert.ok(used.length > 10);
  assert.deepEqual(used.filter((code) => !CODES.includes(code)), []);
});

test("an unknown code is described by the server's own sentence", () => {
  assert.equal(describe("brand_new", "The moon is in the way.").text, "The moon is in the way.");
  assert.ok(describe("brand_new").text.length > 0);
});

test("where the server names one of several photos, the title does too", () => {
  assert.equal(describe("not_an_image", "Photo 3: this is text.").title, "Photo 3: that file cannot be read as a photo");
});

test("every way a call can end by itself is explained", () => {
  const reasons = read("avatar/call/limits.py").match(/EndReason: TypeAlias = Literal\[([^\]]+)\]/)?.[1] ?? "";
  const generic = describe("ended_failed");
  // These two mean that the line broke: the page reconnects instead of ending.
  const comesBack = ["never_connected", "connection_lost"];
  for (const [, reason] of reasons.matchAll(/"(\w+)"/g)) {
    if (comesBack.includes(reason) || reason === "failed") continue;
    assert.notDeepEqual(describeEnd(reason), generic, reason);
  }
  assert.equal(describeEnd("no idea", "Because.").text, "Because.");
});

test("who has a watch link without its token is told where that goes", () => {
  for (const code of ["unauthorized", "insufficient_scope"])
    assert.match(describeRefusedWatching(code, "Authorization: Bearer TOKEN"), /#token=/);
  assert.equal(describeRefusedWatching("server_full", "Nobody else may watch."), "Nobody else may watch.");
  assert.ok(describeRefusedWatching("", "").length > 5);
});
