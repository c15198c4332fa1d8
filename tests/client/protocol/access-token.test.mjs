import assert from "node:assert/strict";
import { test } from "node:test";

import { parseToken } from "../../../client/protocol/access-token.js";

test("an access token is taken from the address", () => {
  assert.equal(parseToken("#token=abc%20d"), "abc d");
  assert.equal(parseToken("#other=1"), null);
  assert.equal(parseToken(""), null);
});
