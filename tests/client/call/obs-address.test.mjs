import assert from "node:assert/strict";
import { test } from "node:test";

import { pictureSize, readObsAddress } from "../../../client/call/obs-address.js";

test("without a word the first face lives by itself, transparent, silent and without a device", () => {
  const { avatar, drive, camera, microphone, background, sound, debug, error } = readObsAddress("");
  assert.deepEqual([avatar, drive, background, error], ["mira", "voice", "transparent", ""]);
  assert.deepEqual([camera, microphone, sound, debug], [false, false, false, false]);
});

test("a drive says what devices are needed: only those are asked for", () => {
  const needs = (drive) => {
    const { camera, microphone, error } = readObsAddress(`?drive=${drive}`);
    assert.equal(error, "");
    return [camera, microphone];
  };
  assert.deepEqual(needs("voice"), [false, true]);
  assert.deepEqual(needs("camera"), [true, false]);
  assert.deepEqual(needs("both"), [true, true]);
  assert.deepEqual(needs("idle"), [false, false]);
});

test("a call is watched by its link or the end of it, with its sound", () => {
  for (const watch of ["abcdefgh-token", "/watch/abcdefgh-token", "https%3A%2F%2Fhost%2Fwatch%2Fabcdefgh-token"]) {
    const read = readObsAddress(`?drive=bot&watch=${watch}`);
    assert.deepEqual([read.watch, read.error, read.sound, read.camera], ["abcdefgh-token", "", true, false]);
  }
  assert.equal(readObsAddress("?watch=abcdefgh-token&sound=0").sound, false);
});

test("what is wrong with an address is said", () => {
  assert.match(readObsAddress("?drive=dance").error, /is none of: idle, voice/);
  assert.match(readObsAddress("?drive=bot").error, /add watch=/);
  assert.match(readObsAddress("?watch=%20").error, /watch link/);
  assert.match(readObsAddress("?width=1280&height=720").error, /at most 640x720/);
  assert.equal(readObsAddress("?width=1280&height=720&background=blur").error, "");
  assert.match(readObsAddress("?width=1920&height=1080&background=blur").error, /A picture is at most 1280x720 or/);
});

test("a size that cannot be is said, not left out", () => {
  for (const wrong of ["abc", "-512", "", "0", "513", "100", "512.5", "1e3", "512px"]) {
    const { error, width } = readObsAddress(`?width=${wrong}&height=512`);
    assert.match(error, /^width=.* is no size: an even number of pixels from 128 is needed, such as width=512/, wrong);
    assert.equal(width, 0);
    assert.match(readObsAddress(`?width=512&height=${wrong}`).error, /^height=/, wrong);
  }
  for (const one of ["?width=512", "?height=512"]) assert.match(readObsAddress(one).error, /need each other/);
  const { error, width, height } = readObsAddress("?width=360&height=640");
  assert.deepEqual([error, width, height], ["", 360, 640]);
});

test("the picture has the window's shape, and room for its matte beside it", () => {
  for (const [width, height] of [[1920, 1080], [800, 600], [512, 512], [1080, 1920], [100, 100], [300, 4000], [1, 0]]) {
    const [wide, high] = pictureSize(width, height);
    assert.ok(wide % 2 === 0 && high % 2 === 0 && wide >= 128 && high >= 128, `${wide}x${high}`);
    assert.ok((wide <= 640 && high <= 720) || (wide <= 360 && high <= 1280), `${wide}x${high}`);
  }
  assert.deepEqual(pictureSize(512, 512), [512, 512]);
  assert.deepEqual(pictureSize(1920, 1080), [640, 480]);
});
