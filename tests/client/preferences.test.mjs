import assert from "node:assert/strict";
import { test } from "node:test";

import { parseIds } from "../../client/preferences.js";

test("remembered faces survive whatever else was stored under that name", () => {
  assert.deepEqual(parseIds('["a-1","b_2","a-1"]'), ["a-1", "b_2"]);
  assert.deepEqual(parseIds('["../x", 5, null, ""]'), []);
  for (const junk of [null, "", "{", "5", '{"a":1}']) assert.deepEqual(parseIds(junk), []);
  assert.equal(parseIds(JSON.stringify(Array.from({ length: 99 }, (_, i) => `f${i}`))).length, 32);
});
