/**
 * The size of a first visit, compressed as it is served. The numbers are held from both sides: whoever makes a
 * file smaller writes that down here, so that it does not grow back unseen.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Bytes, brotli. */
const HELD = { "lezai-checkout.js": 23_700, "lezai_web_bg.wasm": 31_000 };
/** A compiler's next version may be off by so much. */
const SLACK = 0.015;
/** Script, style, core and one language, on a shop's own page: never more. */
const MOST = 60_000;

const folder = fileURLToPath(new URL("../../target/artifacts/checkout/", import.meta.url));
const files = readdirSync(folder);

/** The file that the build gave a name with its hash in it. */
function served(/** @type {string} */ name) {
  const [stem, ending] = name.split(".");
  const file =
    files.find((it) => it === `${name}.br`) ??
    files.find((it) => it.startsWith(`${stem}-`) && it.endsWith(`.${ending}.br`));
  assert.ok(file, `${name} is not in ${folder}`);
  return readFileSync(folder + file).length;
}

test("the download of a first visit is as small as recorded", () => {
  let sum = 0;
  for (const [name, held] of Object.entries(HELD)) {
    const bytes = served(name);
    sum += bytes;
    const [least, most] = [held * (1 - SLACK), held * (1 + SLACK)];
    assert.ok(bytes <= most, `${name}: ${bytes} bytes, and ${held} are held: what is it that grew?`);
    assert.ok(bytes >= least, `${name}: ${bytes} bytes, and ${held} are held: write the new number down`);
  }
  assert.ok(sum <= MOST, `${sum} bytes in all`);
});

test("the page's core has no P-256, which is in another file", () => {
  const inventory = JSON.parse(readFileSync(`${folder}inventory.json`, "utf8"));
  const wasm = inventory.files.filter((/** @type {any} */ { kind }) => kind === "wasm");
  assert.equal(wasm.length, 2);
  const core = wasm.find((/** @type {any} */ { path }) => path.includes("lezai_web"));
  const p256 = wasm.find((/** @type {any} */ { path }) => path.includes("lezai_p256"));
  assert.ok(p256.bytes > core.bytes);
  // Every page that is served names the one that it needs at once, and not the other.
  const page = readFileSync(`${folder}pay.html`, "utf8");
  assert.ok(page.includes("lezai_web_bg-") && !page.includes("lezai_p256-"));
});
