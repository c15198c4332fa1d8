import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { DeviceError, mainProblem, problemCode } from "../../client/devices.js";
import { parseIds } from "../../client/memory.js";
import { overlayWords } from "../../client/overlay.js";
import { fitted } from "../../client/photo.js";
import { nearestCorner } from "../../client/self-view.js";
import { actionFor } from "../../client/shortcuts.js";
import { tokenIn } from "../../client/token.js";
import { whipAddress } from "../../client/whip.js";

const client = new URL("../../client/", import.meta.url);
const read = (name) => readFileSync(new URL(name, client), "utf8");
const html = read("index.html");
const key = (name, more = {}) => ({ key: name, ctrlKey: false, altKey: false, metaKey: false, repeat: false, ...more });
const nowhere = { typing: false, dialog: false };

test("a strict content security policy holds: nothing inline, nothing from elsewhere", () => {
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)/);
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/);
  const linked = [...html.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  assert.deepEqual(linked.filter((address) => !/^(\/client\/|#)/.test(address)), []);
  for (const name of readdirSync(client).filter((file) => file.endsWith(".css")))
    assert.doesNotMatch(read(name), /@import|url\(/, name);
});

test("every element the modules ask for is in the page, and every icon is drawn", () => {
  const ids = new Set([...html.matchAll(/\bid="([\w-]+)"/g)].map(([, id]) => id));
  for (const name of readdirSync(client).filter((file) => file.endsWith(".js"))) {
    const text = read(name);
    for (const [, id] of text.matchAll(/\b(?:byId|button|video)\("([\w-]+)"/g)) assert.ok(ids.has(id), `${name}: ${id}`);
    for (const [, icon] of text.matchAll(/\bicon\("([\w-]+)"\)/g)) assert.ok(ids.has(`i-${icon}`), `${name}: ${icon}`);
  }
  for (const [, id] of html.matchAll(/(?:aria-controls|aria-labelledby|aria-describedby)="([\w-]+)"/g))
    assert.ok(ids.has(id), id);
});

test("every shortcut is told to those who cannot see the tooltip", () => {
  for (const letter of ["M", "V", "F", "C"]) {
    assert.match(html, new RegExp(`aria-keyshortcuts="${letter}" data-tip="[^"]*  ${letter}"`));
    assert.ok(actionFor(key(letter.toLowerCase()), nowhere));
  }
});

test("one letter is a shortcut only where letters are not letters", () => {
  assert.equal(actionFor(key("m"), nowhere), "mute");
  assert.equal(actionFor(key("M"), nowhere), "mute");
  assert.equal(actionFor(key("m"), { typing: true, dialog: false }), null);
  assert.equal(actionFor(key("m"), { typing: false, dialog: true }), null);
  assert.equal(actionFor(key("c", { ctrlKey: true }), nowhere), null);
  assert.equal(actionFor(key("v", { repeat: true }), nowhere), null);
  assert.equal(actionFor(key("Escape"), { typing: true, dialog: false }), "escape");
});

test("why a device cannot be had becomes one word, the same for every browser", () => {
  const named = (name) => Object.assign(new Error("x"), { name });
  assert.equal(problemCode("camera", named("NotAllowedError")), "camera_denied");
  assert.equal(problemCode("camera", named("NotFoundError")), "camera_missing");
  assert.equal(problemCode("camera", named("NotReadableError")), "camera_busy");
  assert.equal(problemCode("microphone", named("AbortError")), "microphone_busy");
  assert.equal(problemCode("microphone", "what"), "microphone_busy");
  assert.equal(new DeviceError("camera_denied").code, "camera_denied");
});

test("the same trouble with camera and microphone is told once", () => {
  assert.equal(mainProblem(["camera_denied", "microphone_denied"]), "devices_denied");
  assert.equal(mainProblem(["camera_missing", "microphone_missing"]), "devices_missing");
  assert.equal(mainProblem(["camera_busy", "microphone_denied"]), "camera_busy");
  assert.equal(mainProblem([]), null);
});

test("remembered faces survive whatever else was stored under that name", () => {
  assert.deepEqual(parseIds('["a-1","b_2","a-1"]'), ["a-1", "b_2"]);
  assert.deepEqual(parseIds('["../x", 5, null, ""]'), []);
  for (const junk of [null, "", "{", "5", '{"a":1}']) assert.deepEqual(parseIds(junk), []);
  assert.equal(parseIds(JSON.stringify(Array.from({ length: 99 }, (_, i) => `f${i}`))).length, 32);
});

test("while the line is down the page says so, and when it tries again", () => {
  const status = { state: "reconnecting", code: "connection_lost", detail: "", retryAtMs: 5000 };
  assert.match(overlayWords(status, 2100).text, /Next try in 3 s\.$/);
  assert.match(overlayWords({ ...status, retryAtMs: 0 }, 2100).text, /Trying now\.$/);
  assert.match(overlayWords({ ...status, state: "waiting", code: "server_full" }, 0).title, /places are taken/);
  assert.equal(overlayWords({ ...status, state: "live" }, 0), null);
});

test("a photo is made smaller, never larger, and keeps its shape", () => {
  assert.deepEqual(fitted(4000, 3000), [2048, 1536]);
  assert.deepEqual(fitted(640, 480), [640, 480]);
  assert.deepEqual(fitted(20_000, 2), [2048, 1]);
});

test("the small picture goes to the corner it was dropped in", () => {
  const box = { left: 100, top: 0, width: 800, height: 600 };
  assert.equal(nearestCorner(150, 20, box), "top-left");
  assert.equal(nearestCorner(880, 590, box), "bottom-right");
});

test("an offer goes to the face, with what moves it and the size wished for", () => {
  assert.equal(whipAddress({ avatar: "a b", drive: "voice" }), "/whip?avatar=a+b&drive=voice");
  assert.equal(
    whipAddress({ avatar: "a", drive: "camera", mode: "echo", width: 640, height: 480 }),
    "/whip?avatar=a&drive=camera&mode=echo&width=640&height=480",
  );
});

test("an access token is taken from the address", () => {
  assert.equal(tokenIn("#token=abc%20d"), "abc d");
  assert.equal(tokenIn("#other=1"), null);
  assert.equal(tokenIn(""), null);
});
