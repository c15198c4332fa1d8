import assert from "node:assert/strict";
import { test } from "node:test";

import { describeQuality } from "../../../../client/views/texts/quality-texts.js";

test("a simpler picture is explained by what there is too little of", () => {
  assert.match(describeQuality({ level: 2, why: "cpu" }).short, /server/);
  assert.match(describeQuality({ level: 1, why: "network" }).text, /connection/);
  assert.match(describeQuality({ level: 1, why: "camera" }).text, /camera/);
});

test("at full quality there is nothing to explain, nor with a server that says nothing of it", () => {
  for (const none of [undefined, null, {}, { level: 0, why: "" }, { level: "two", why: "cpu" }])
    assert.equal(describeQuality(none), null);
});

test("a reason that this page does not know is still explained", () => {
  for (const why of ["the moon", "constructor", 5]) assert.match(describeQuality({ level: 1, why }).text, /in time/);
});
