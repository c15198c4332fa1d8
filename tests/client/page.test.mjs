import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { actionFor } from "../../client/views/call/shortcuts.js";

const client = new URL("../../client/", import.meta.url);
const read = (name) => readFileSync(new URL(name, client), "utf8");
const files = (end) => readdirSync(client, { recursive: true }).filter((name) => name.endsWith(end));
const html = read("index.html");

test("a strict content security policy holds: nothing inline, nothing from elsewhere", () => {
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)/);
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/);
  const linked = [...html.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  assert.deepEqual(linked.filter((address) => !/^(\/client\/|#)/.test(address)), []);
  const sheets = files(".css");
  assert.ok(sheets.length > 5);
  for (const name of sheets) assert.doesNotMatch(read(name), /@import|url\(/, name);
  for (const name of sheets) assert.ok(linked.includes(`/client/${name}`), `${name} is linked`);
});

test("every element the modules ask for is in the page, and every icon is drawn", () => {
  const ids = new Set([...html.matchAll(/\bid="([\w-]+)"/g)].map(([, id]) => id));
  const modules = files(".js");
  assert.ok(modules.length > 30);
  for (const name of modules) {
    const text = read(name);
    for (const [, id] of text.matchAll(/\b(?:byId|button|video)\("([\w-]+)"/g)) assert.ok(ids.has(id), `${name}: ${id}`);
    for (const [, icon] of text.matchAll(/\bicon\("([\w-]+)"\)/g)) assert.ok(ids.has(`i-${icon}`), `${name}: ${icon}`);
  }
  for (const [, id] of html.matchAll(/(?:aria-controls|aria-labelledby|aria-describedby)="([\w-]+)"/g))
    assert.ok(ids.has(id), id);
});

test("every shortcut is announced to screen readers too", () => {
  for (const letter of ["M", "V", "F", "C", "E"]) {
    assert.match(html, new RegExp(`aria-keyshortcuts="${letter}" data-tip="[^"]*  ${letter}"`));
    const key = { key: letter.toLowerCase(), ctrlKey: false, altKey: false, metaKey: false, repeat: false };
    assert.ok(actionFor(key, { typing: false, dialog: false }));
  }
});
