/**
 * Builds @lezai/server into its `dist`: one module with the core inside, and its types. The wasm file
 * must be there already, with its bindings (crate xtask makes them).
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { declare } from "../declarations.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = here("dist");
const wasm = readFileSync(here("../../target/wasm-bindgen/server/lezai_server_bg.wasm"));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

await build({
  entryPoints: [here("src/index.ts")],
  outfile: `${dist}/index.js`,
  bundle: true,
  format: "esm",
  // Names and lines stay, for stack traces of a shop's server.
  minifySyntax: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  define: { WASM: JSON.stringify(wasm.toString("base64")) },
});

declare("server");
