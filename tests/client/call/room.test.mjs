import assert from "node:assert/strict";
import { test } from "node:test";

import { Room } from "../../../client/call/room.js";

/** Stands for a call: what it is told, and what it says. */
class Call extends EventTarget {
  status = { state: "live" };
  sent = [];
  send(message) {
    this.sent.push(message);
    return true;
  }
  says(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }
  end() {
    this.status = { state: "ended" };
    this.dispatchEvent(new CustomEvent("state", { detail: this.status }));
  }
}

class Media extends EventTarget {
  microphoneOn = true;
  cameraOn = true;
}

class Connection extends EventTarget {
  static all = [];
  state = "new";
  constructor(address) {
    super();
    this.address = address;
    Connection.all.push(this);
  }
  start() {
    this.state = "started";
  }
  close() {
    this.state = "closed";
  }
}

const member = (id, extra = {}) => ({ member: id, name: id, microphone: true, camera: true, speaking: false, ...extra });
const state = (...members) => ({ type: "room", you: "me", most: 4, members: [member("me"), ...members] });

function enter() {
  Connection.all = [];
  const [call, media] = [new Call(), new Media()];
  const room = new Room(call, media, (address) => new Connection(address));
  return { call, media, room };
}

test("each of the others is connected to once, and let go when they leave", async () => {
  const { call, room } = enter();
  let changes = 0;
  room.addEventListener("change", () => changes++);
  call.says(state());
  assert.equal(room.you.name, "me");
  assert.equal(room.others.size, 0);
  call.says(state(member("bo", { whep: "/whep/b" }), member("cy", { whep: "/whep/c" })));
  await Promise.resolve();
  assert.deepEqual(Connection.all.map(({ address, state }) => [address, state]), [["/whep/b", "started"], ["/whep/c", "started"]]);
  call.says(state(member("bo", { whep: "/whep/b", speaking: true })));
  assert.equal(Connection.all.length, 2, "who is there stays connected");
  assert.equal(room.others.get("bo").member.speaking, true);
  assert.equal(Connection.all[1].state, "closed");
  call.says(state(member("bo-again", { whep: "/whep/d" })));
  assert.deepEqual(Connection.all.map(({ state }) => state), ["closed", "closed", "new"]);
  assert.equal(changes, 4);
});

test("the others are told of the devices as the call begins, and whenever one is switched", () => {
  const { call, media } = enter();
  call.says({ type: "hello" });
  media.microphoneOn = false;
  media.dispatchEvent(new Event("change"));
  assert.deepEqual(call.sent, [
    { type: "devices", microphone: true, camera: true },
    { type: "devices", microphone: false, camera: true },
  ]);
});

test("with the call, everything of the room has ended", () => {
  const { call, media, room } = enter();
  call.says(state(member("bo", { whep: "/whep/b" })));
  call.end();
  assert.equal(Connection.all[0].state, "closed");
  assert.equal(room.others.size, 0);
  media.dispatchEvent(new Event("change"));
  assert.deepEqual(call.sent, []);
});
