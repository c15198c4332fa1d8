import assert from "node:assert/strict";
import { test } from "node:test";

import { captionWords } from "../../client/captions.js";
import { parseMessage } from "../../client/control.js";

const caption = { v: 1, type: "caption", speaker: "you", text: "", turn: 1, seconds: 1.26, unspoken: "" };

test("what nobody understood is told by its length, and what was understood in words", () => {
  assert.equal(captionWords(caption), "(you spoke for 1.3 seconds)");
  assert.equal(captionWords({ ...caption, text: "Hello" }), "Hello");
  assert.equal(captionWords({ speaker: "avatar", text: "Hi.", seconds: 0, unspoken: "" }), "Hi.");
});

test("what the avatar's voice has no sound for is said to be only shown", () => {
  const answer = { speaker: /** @type {const} */ ("avatar"), seconds: 0 };
  assert.match(captionWords({ ...answer, text: "你好。", unspoken: "你好。" }), /^你好。 \(not spoken/);
  assert.match(captionWords({ ...answer, text: "It is 你好.", unspoken: "你好" }), /^It is 你好\. \(“你好” not spoken/);
});

test("the conversation's messages are read, and junk is not", () => {
  assert.deepEqual(parseMessage(JSON.stringify(caption)), caption);
  assert.equal(parseMessage(JSON.stringify({ ...caption, text: 3 })), null);
  assert.ok(parseMessage('{"v":1,"type":"interrupted","turn":1,"heard_ms":120}'));
  assert.equal(parseMessage('{"v":1,"type":"answered","turn":1}'), null);
});
