import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const stored = new Map();
globalThis.localStorage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
const { BackgroundChoice } = await import("../../../client/media/background-choice.js");
const { ApiError } = await import("../../../client/protocol/http-api.js");
const { dataBlob } = await import("../../../client/media/photo.js");

const PICTURE = `data:image/jpeg;base64,${btoa("\xff\xd8 a picture")}`;
let sent = [];
globalThis.fetch = async (url, init) => {
  sent.push([url, init.headers["Content-Type"], init.body.size]);
  return new Response(JSON.stringify({ id: `id-${sent.length}` }), { status: 201 });
};
beforeEach(() => {
  stored.clear();
  sent = [];
});

test("nothing is asked for before somebody has chosen, and what they chose is there next time", async () => {
  const choice = new BackgroundChoice();
  assert.equal(await choice.name(), null);
  choice.choose("blur");
  assert.equal(await new BackgroundChoice().name(), "blur");
  choice.chooseColour("#00C83C");
  assert.equal(await new BackgroundChoice().name(), "#00c83c");
});

test("a remembered picture is sent once, and again when the server has forgotten it", async () => {
  stored.set("avatar.background", "picture");
  stored.set("avatar.background_picture", PICTURE);
  const choice = new BackgroundChoice();
  assert.deepEqual([await choice.name(), await choice.name()], ["id-1", "id-1"]);
  choice.forgetId();
  assert.equal(await choice.name(), "id-2");
  assert.deepEqual(sent, Array(2).fill(["/api/backgrounds", "image/jpeg", 12]));
  assert.equal(await dataBlob(PICTURE).text().then((text) => text.length > 0), true);
});

test("whatever else is stored under those names counts as nothing chosen", async () => {
  for (const [kind, picture] of [["plaid", ""], ["picture", ""], ["picture", "https://elsewhere.example/a.jpg"]]) {
    stored.set("avatar.background", kind);
    stored.set("avatar.background_picture", picture);
    stored.set("avatar.background_colour", "red;}");
    const choice = new BackgroundChoice();
    assert.deepEqual([await choice.name(), choice.colour, choice.picture], [null, "#2a6496", ""]);
  }
});

test("a picture that the server does not take leaves what was there before, now and next time", async () => {
  globalThis.createImageBitmap = async () => ({ width: 5, height: 400, close() {} });
  const canvas = { getContext: () => ({ drawImage() {} }), toDataURL: () => `${PICTURE}${btoa("thin")}` };
  globalThis.document = { createElement: () => canvas };
  const choice = new BackgroundChoice();
  choice.chooseColour("#00c83c");
  await choice.choosePicture(new Blob(["thin"]));
  assert.equal(choice.kind, "picture");
  const refusal = new ApiError(422, "image_too_small", "The picture is too small.");
  assert.deepEqual([refusal, new ApiError(0, "server_unreachable"), new TypeError("x")].map((one) => choice.isRefusal(one)), [true, false, false]);
  choice.refuse();
  assert.equal(choice.isRefusal(refusal), false, "only a picture can be refused");
  assert.deepEqual([await choice.name(), choice.picture], ["#00c83c", ""]);
  assert.equal(await new BackgroundChoice().name(), "#00c83c");
});
