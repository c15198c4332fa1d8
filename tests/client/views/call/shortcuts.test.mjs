import assert from "node:assert/strict";
import { test } from "node:test";

import { actionFor } from "../../../../client/views/call/shortcuts.js";

const key = (name, more = {}) => ({ key: name, ctrlKey: false, altKey: false, metaKey: false, repeat: false, ...more });
const nowhere = { typing: false, dialog: false };

test("one letter is a shortcut only where letters are not letters", () => {
  assert.equal(actionFor(key("m"), nowhere), "mute");
  assert.equal(actionFor(key("M"), nowhere), "mute");
  assert.equal(actionFor(key("m"), { typing: true, dialog: false }), null);
  assert.equal(actionFor(key("m"), { typing: false, dialog: true }), null);
  assert.equal(actionFor(key("c", { ctrlKey: true }), nowhere), null);
  assert.equal(actionFor(key("v", { repeat: true }), nowhere), null);
  assert.equal(actionFor(key("Escape"), { typing: true, dialog: false }), "escape");
});
