import assert from "node:assert/strict";
import { test } from "node:test";

import { whipAddress } from "../../../client/protocol/whip.js";

test("an offer goes to the face, with what moves it and the size wished for", () => {
  assert.equal(whipAddress({ avatar: "a b", drive: "voice" }), "/whip?avatar=a+b&drive=voice");
  assert.equal(
    whipAddress({ avatar: "a", drive: "camera", mode: "echo", width: 640, height: 480 }),
    "/whip?avatar=a&drive=camera&mode=echo&width=640&height=480",
  );
});
