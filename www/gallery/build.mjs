/** Builds the gallery into target/gallery: three files that need no server but for their own folder. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { cssText, languagesInside } from "../checkout/plugins.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../../target/gallery");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
cpSync(here("static"), out, { recursive: true });
await build({
  bundle: true,
  format: "esm",
  charset: "utf8",
  legalComments: "none",
  outdir: out,
  entryPoints: [here("src/gallery.ts")],
  plugins: [cssText, languagesInside],
});
console.log(`${out}/index.html`);
