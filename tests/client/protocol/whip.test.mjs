import assert from "node:assert/strict";
import { test } from "node:test";

import { whipAddress } from "../../../client/protocol/whip.js";

test("an offer names the face, what moves it and the picture's size", () => {
  assert.equal(whipAddress({ avatar: "a b", drive: "voice" }), "/whip?avatar=a+b&drive=voice");
  assert.equal(
    whipAddress({ avatar: "a", drive: "camera", mode: "echo", width: 640, height: 480 }),
    "/whip?avatar=a&drive=camera&mode=echo&width=640&height=480",
  );
  const room = "a-room-of-our-own";
  assert.equal(
    whipAddress({ avatar: "a", drive: "camera", room, name: "Ada & Bo" }),
    "/whip?avatar=a&drive=camera&room=a-room-of-our-own&name=Ada+%26+Bo",
  );
  assert.equal(whipAddress({ avatar: "a", drive: "camera", room: null, name: "Ada" }), "/whip?avatar=a&drive=camera");
  assert.equal(whipAddress({ avatar: "a", drive: "voice", background: "#0a64ff" }), "/whip?avatar=a&drive=voice&background=%230a64ff");
});
