import assert from "node:assert/strict";
import { test } from "node:test";

import { formatMessage } from "../../../client/protocol/data-channel.js";
import { cueMessage, focusAfter } from "../../../client/views/feelings-bar.js";

test("a feeling is sent as a cue, in words, and asks for no answer", () => {
  const sent = JSON.parse(formatMessage(cueMessage("smile warmly")));
  assert.deepEqual(sent, { v: 1, type: "cue", text: "smile warmly" });
});

test("arrow keys go around the menu, and other keys are left to the page", () => {
  assert.equal(focusAfter("ArrowRight", 0, 9), 1);
  assert.equal(focusAfter("ArrowRight", 8, 9), 0);
  assert.equal(focusAfter("ArrowLeft", 0, 9), 8);
  assert.equal(focusAfter("Home", 5, 9), 0);
  assert.equal(focusAfter("End", 5, 9), 8);
  assert.equal(focusAfter("m", 5, 9), null);
});
