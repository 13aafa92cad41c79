/** The published packages: found by every bundler and by TypeScript, and typed as the gateway answers today. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { npm, pack, project } from "./support/project.mjs";
import { types } from "./types.mjs";

const PATIENCE = { timeout: 600_000 };
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const tarballs = {};
before(async () => {
  for (const name of ["checkout", "server"]) tarballs[name] = await pack(name);
});

/** Runs a tool of this folder; what it says is the error's text. */
async function tool(name, args, cwd = here(".")) {
  try {
    return (await promisify(execFile)(here(`node_modules/.bin/${name}`), args, { cwd })).stdout;
  } catch (error) {
    throw new Error(`${name} ${args.join(" ")}:\n${error.stdout}${error.stderr}`);
  }
}

for (const name of ["checkout", "server"]) {
  test(`@lezai/${name} is found by every bundler and by TypeScript`, PATIENCE, async () => {
    await tool("publint", ["run", tarballs[name], "--strict"]);
    // An ES module alone: what require() makes of it is Node's affair.
    await tool("attw", [tarballs[name], "--profile", "esm-only"]);
  });
}

test("the server's types are those of the gateway that is built here", PATIENCE, async () => {
  const written = readFileSync(here("../../www/server/src/openapi.ts"), "utf8");
  assert.equal(written, await types(), "run: node tests/packages/types.mjs");
});

test("strict TypeScript projects get the types", PATIENCE, async () => {
  const folder = await project("typed", "typed", tarballs.checkout, tarballs.server);
  // Others' types are checked, too: skipLibCheck would hide what is wrong in ours.
  const strict = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2023,dom", "--jsx", "react-jsx"];
  for (const resolution of ["bundler", "nodenext"]) {
    const module = resolution === "bundler" ? "esnext" : "nodenext";
    await tool(
      "tsc",
      [...strict, "--module", module, "--moduleResolution", resolution, "use.ts", "react.tsx"],
      folder,
    );
  }
});

test("the packages contain only what they need", PATIENCE, async () => {
  for (const [name, files] of [
    [
      "checkout",
      /^(package\.json|dist\/([\w-]+\.d\.ts|lezai-checkout\.js|react\.js|lezai_(web_bg|p256)-\w+\.wasm|language-[\w-]+\.json|LICENSE-[\w-]+\.txt))$/,
    ],
    ["server", /^(package\.json|dist\/(\w+\.d\.ts|index\.js))$/],
  ]) {
    const { stdout } = await npm(
      here(`../../www/${name}`),
      "pack",
      "--dry-run",
      "--json",
      "--ignore-scripts",
    );
    const [{ files: packed }] = JSON.parse(stdout);
    assert.deepEqual(
      packed.map((it) => it.path).filter((path) => !files.test(path)),
      [],
    );
  }
});
