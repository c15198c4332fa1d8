import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, normalize } from "node:path/posix";
import { test } from "node:test";

import { actionFor } from "../../client/views/call/shortcuts.js";

const client = new URL("../../client/", import.meta.url);
const read = (name) => readFileSync(new URL(name, client), "utf8");
const files = (end) => readdirSync(client, { recursive: true }).filter((name) => name.endsWith(end));
const pages = { "index.html": "main.js", "watch.html": "watch.js", "obs.html": "obs.js", "camera.html": "camera.js" };
const html = read("index.html");
/** The modules that a page loads, and those they import. */
const modulesOf = (page) => {
  const reached = new Set();
  const visit = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const [, path] of read(name).matchAll(/^import .*from "([^"]+)";$/gm)) visit(normalize(join(name, "..", path)));
  };
  visit(pages[page]);
  return [...reached];
};

test("a strict content security policy holds: nothing inline, nothing from elsewhere", () => {
  const linked = [];
  for (const page of Object.keys(pages)) {
    const text = read(page);
    assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)/);
    assert.doesNotMatch(text, /=\\/, "an attribute's quotes are plain ones: classes with others have no style");
    assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|javascript:/);
    linked.push(...[...text.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, address]) => address));
  }
  assert.deepEqual(linked.filter((address) => !/^(\/client\/|#)/.test(address)), []);
  const sheets = files(".css");
  assert.ok(sheets.length > 5);
  for (const name of sheets) assert.doesNotMatch(read(name), /@import|url\(/, name);
  for (const name of sheets) assert.ok(linked.includes(`/client/${name}`), `${name} is linked`);
});

test("every element the modules ask for is in the page, and every icon is drawn", () => {
  assert.ok(modulesOf("index.html").length > 30);
  for (const page of Object.keys(pages)) {
    const text = read(page);
    const ids = new Set([...text.matchAll(/\bid="([\w-]+)"/g)].map(([, id]) => id));
    for (const name of modulesOf(page)) {
      if (page !== "index.html" && name === "views/dom.js") continue; // what it announces, the watch page does not
      const code = read(name);
      for (const [, id] of code.matchAll(/\b(?:byId|button|video)\("([\w-]+)"/g)) assert.ok(ids.has(id), `${name}: ${id}`);
      for (const [, icon] of code.matchAll(/\bicon\("([\w-]+)"\)/g)) assert.ok(ids.has(`i-${icon}`), `${name}: ${icon}`);
    }
    for (const [, id] of text.matchAll(/(?:aria-controls|aria-labelledby|aria-describedby)="([\w-]+)"/g))
      assert.ok(ids.has(id), id);
  }
});

test("every shortcut is announced to screen readers too", () => {
  for (const letter of ["M", "V", "F", "C", "E"]) {
    assert.match(html, new RegExp(`aria-keyshortcuts="${letter}" data-tip="[^"]*  ${letter}"`));
    const key = { key: letter.toLowerCase(), ctrlKey: false, altKey: false, metaKey: false, repeat: false };
    assert.ok(actionFor(key, { typing: false, dialog: false }));
  }
});
