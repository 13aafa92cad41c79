/** Where what was built lies. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);
export const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, root));
export const built = (/** @type {string} */ name) => path(`target/artifacts/mini/${name}`);
export const wasm = () => readFileSync(built("lezai.wasm"));

/** @type {{ what: string, call: string, answer: string }[]} */
export const vectors = JSON.parse(readFileSync(path("tests/vectors/mini.json"), "utf8"));

/** The npm packages are those of the workspace in www. */
export const npm = createRequire(path("www/mini/package.json"));
