import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { parseChoice, showsEffects } from "../../../../client/views/effects/effects.js";
import { isSoftwareRenderer } from "../../../../client/views/effects/software-renderer.js";

const CAN = { software: false, less: false, late: false };

test("effects are left out where they cost too much or are not wanted, unless one asks for them", () => {
  assert.equal(showsEffects("auto", CAN), true);
  for (const why of ["software", "less", "late"]) {
    assert.equal(showsEffects("auto", { ...CAN, [why]: true }), false, why);
    assert.equal(showsEffects("on", { ...CAN, [why]: true }), true, why);
  }
  assert.equal(showsEffects("off", CAN), false);
});

test("whatever else is stored, the page chooses by itself", () => {
  assert.equal(parseChoice("off"), "off");
  for (const junk of [null, "", "ON", "constructor"]) assert.equal(parseChoice(junk), "auto");
});

test("a renderer without a graphics processor is known by its name", () => {
  for (const name of [
    "ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)",
    "llvmpipe (LLVM 15.0.6, 256 bits)",
    "ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11 vs_5_0 ps_5_0)",
  ])
    assert.ok(isSoftwareRenderer(name), name);
  for (const name of ["ANGLE (Intel, Mesa Intel(R) UHD Graphics 620 (KBL GT2), OpenGL 4.6)", "Apple GPU", "Mozilla"])
    assert.ok(!isSoftwareRenderer(name), name);
});

test("no blur lies outside the sheet that can be switched off", () => {
  const styles = new URL("../../../../client/styles/", import.meta.url);
  const blurred = readdirSync(styles).filter((name) => /blur\(/.test(readFileSync(new URL(name, styles), "utf8")));
  assert.deepEqual(blurred, ["effects.css"]);
  const rules = readFileSync(new URL("effects.css", styles), "utf8").match(/^\s*:root[^{]*\{/gm) ?? [];
  assert.ok(rules.length > 5);
  for (const rule of rules) assert.match(rule, /^\s*:root\[data-effects="(full|plain)"\]/);
});
