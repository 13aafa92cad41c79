/** A component in JavaScript's own engine, by jco: what makes fresh instances of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { transpileBytes } from "@bytecodealliance/jco-transpile";

/** The function of each hook, by its interface's name. */
export const FUNCTIONS = {
  risk: "assess",
  pricing: "fee",
  routing: "route",
  split: "divide",
  statement: "columns",
};

/** Gives a function that makes a fresh instance, which has a function for each hook. */
export async function component(bytes) {
  const { files } = await transpileBytes(bytes, { name: "plugin", instantiation: "sync" });
  const folder = mkdtempSync(join(tmpdir(), "lezai-jco-"));
  try {
    const script = join(folder, "plugin.mjs");
    writeFileSync(script, files["plugin.js"]);
    const { instantiate } = await import(pathToFileURL(script));
    const modules = new Map();
    for (const [name, content] of Object.entries(files))
      if (name.endsWith(".wasm")) modules.set(name, new WebAssembly.Module(content));
    return () => {
      const exported = instantiate((name) => modules.get(name), {});
      return (hook, ...args) => exported[`lezai:plugin/${hook}@1.0.0`][FUNCTIONS[hook]](...args);
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Orders of `tests/vectors/plugin-orders.json`, as jco takes them: 64 bits are a BigInt. */
export function orders(text) {
  return JSON.parse(text, (key, value) => (["minor", "sum", "atMs"].includes(key) ? BigInt(value) : value));
}
