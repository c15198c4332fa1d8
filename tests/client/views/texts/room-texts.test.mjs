import assert from "node:assert/strict";
import { test } from "node:test";

import { comings, describeRoom } from "../../../../client/views/texts/room-texts.js";

test("who is in a room, in words", () => {
  assert.equal(describeRoom([], 4), "Nobody is in the room yet.");
  assert.equal(describeRoom(["Ada"], 4), "Ada is in the room.");
  assert.equal(describeRoom(["Ada", "Bo", "Cy"], 4), "Ada, Bo and Cy are in the room.");
  assert.equal(describeRoom([""], 4), "One guest is in the room.");
  assert.equal(describeRoom(["", "Bo", ""], 4), "Bo and 2 guests are in the room.");
  assert.equal(describeRoom(["Ada", "Bo"], 2), "The room is full: Ada and Bo are in it.");
});

test("what has changed in a room, for those who listen to the page", () => {
  const ada = new Map([["1", "Ada"]]);
  const both = new Map([["1", "Ada"], ["2", "Bo"]]);
  assert.equal(comings(ada, both), "Bo joined.");
  assert.equal(comings(both, new Map()), "Ada and Bo left.");
  assert.equal(comings(ada, new Map([["2", "Bo"]])), "Bo joined. Ada left.");
  assert.equal(comings(both, both), "");
});
