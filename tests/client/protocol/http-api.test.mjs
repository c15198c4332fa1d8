import assert from "node:assert/strict";
import { test } from "node:test";

import { retryAfterSeconds } from "../../../client/protocol/http-api.js";

test("Retry-After is read as seconds or as a date", () => {
  assert.equal(retryAfterSeconds("12", 0), 12);
  assert.equal(retryAfterSeconds("Thu, 01 Jan 1970 00:00:30 GMT", 10_000), 20);
  assert.equal(retryAfterSeconds("Thu, 01 Jan 1970 00:00:30 GMT", 90_000), 0);
  assert.equal(retryAfterSeconds("soon", 0), null);
  assert.equal(retryAfterSeconds(null, 0), null);
});
