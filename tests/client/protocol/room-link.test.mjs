import assert from "node:assert/strict";
import { test } from "node:test";

import { makeRoomId, parseRoomId, roomLink } from "../../../client/protocol/room-link.js";

test("a new room's id is one that the page and the server take, and another each time", () => {
  const ids = new Set(Array.from({ length: 50 }, makeRoomId));
  assert.equal(ids.size, 50);
  for (const id of ids) {
    assert.match(id, /^[A-Za-z0-9_-]{22}$/);
    assert.equal(parseRoomId(`?room=${id}`), id);
  }
});

test("an address names a room, none, or something that is none", () => {
  assert.equal(parseRoomId(""), null);
  assert.equal(parseRoomId("?width=256"), null);
  assert.equal(parseRoomId("?room=a-room-of-our-own&width=256"), "a-room-of-our-own");
  for (const broken of ["", "short", "a room of our own", "<script>alert(1)</script>", "x".repeat(65)])
    assert.equal(parseRoomId(`?room=${encodeURIComponent(broken)}`), "", broken);
});

test("a link keeps what else the address says, but not its fragment, which may hold a token", () => {
  const page = "https://host:8010/?width=256#token=secret";
  const link = roomLink(page, "a-room-of-our-own");
  assert.equal(link, "https://host:8010/?width=256&room=a-room-of-our-own");
  assert.equal(roomLink(link, "another-room-of-ours"), "https://host:8010/?width=256&room=another-room-of-ours");
  assert.equal(roomLink(link, null), "https://host:8010/?width=256");
});
