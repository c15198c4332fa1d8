import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, normalize } from "node:path/posix";
import { test } from "node:test";

const client = new URL("../../client/", import.meta.url);
const modules = readdirSync(client, { recursive: true }).filter((name) => name.endsWith(".js"));
const imported = (name) =>
  [...readFileSync(new URL(name, client), "utf8").matchAll(/^import .*from "([^"]+)";$/gm)].map(([, path]) =>
    normalize(join(name, "..", path)),
  );

test("imports between the rooms run one way: views, call, media, protocol", () => {
  const below = { views: ["call", "media", "protocol"], call: ["protocol"], media: ["protocol"], protocol: [] };
  for (const name of modules.filter((path) => path.includes("/"))) {
    const room = name.split("/")[0];
    for (const path of imported(name)) {
      const other = path.split("/")[0];
      assert.ok(other === room || other === "preferences.js" || below[room].includes(other), `${name} imports ${path}`);
    }
  }
});

test("every module is part of a page", () => {
  const reached = new Set();
  const visit = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    imported(name).forEach(visit);
  };
  for (const page of ["main.js", "watch.js", "obs.js", "camera.js"]) visit(page);
  assert.deepEqual(modules.filter((name) => !reached.has(name)), []);
});
