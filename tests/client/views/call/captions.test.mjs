import assert from "node:assert/strict";
import { test } from "node:test";

import { captionText } from "../../../../client/views/call/captions.js";

const caption = { v: 1, type: "caption", speaker: "you", text: "", turn: 1, seconds: 1.26, unspoken: "" };

test("speech that was not transcribed is captioned by its length, other speech by its text", () => {
  assert.equal(captionText(caption), "(you spoke for 1.3 seconds)");
  assert.equal(captionText({ ...caption, text: "Hello" }), "Hello");
  assert.equal(captionText({ speaker: "avatar", text: "Hi.", seconds: 0, unspoken: "" }), "Hi.");
});

test("what the avatar's voice cannot speak is captioned as not spoken", () => {
  const answer = { speaker: /** @type {const} */ ("avatar"), seconds: 0 };
  assert.match(captionText({ ...answer, text: "你好。", unspoken: "你好。" }), /^你好。 \(not spoken/);
  assert.match(captionText({ ...answer, text: "It is 你好.", unspoken: "你好" }), /^It is 你好\. \(“你好” not spoken/);
});
