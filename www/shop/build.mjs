/** Builds the demo shop's pages into target/artifacts/shop. Its server fills in `{{gateway}}`. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { target } from "../browsers.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../../target/artifacts/shop");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
cpSync(here("static"), out, { recursive: true });
await build({
  entryPoints: ["shop.ts", "pay.ts", "orders.ts", "shop.css"].map((name) => here(`src/${name}`)),
  bundle: true,
  format: "esm",
  minify: true,
  target,
  charset: "utf8",
  outdir: out,
});
