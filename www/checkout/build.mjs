/**
 * Builds the element twice: with the gateway's payment page around it into target/artifacts/checkout,
 * and as the npm package @lezai/checkout into `dist`. The wasm file must be there already, with its
 * bindings (crate xtask makes them).
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { declare } from "../declarations.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../../target/artifacts/checkout");
const dist = here("dist");
const wasm = readFileSync(here("../../target/wasm-bindgen/web/lezai_web_bg.wasm"));

for (const folder of [out, dist]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

/** Sixteen hex digits of a file's hash, for its name. */
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const wasmFile = `lezai_web_bg-${hash(wasm)}.wasm`;
const integrity = `sha384-${createHash("sha384").update(wasm).digest("base64")}`;

/** A style sheet as a string, for a constructable style sheet. */
const cssText = {
  name: "css-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

/** The payment page loads the element's file, and does not carry a second copy of it. */
const elementBeside = {
  name: "element-beside",
  setup(build) {
    build.onResolve({ filter: /^\.\/index\.ts$/ }, () => ({ path: "./lezai-checkout.js", external: true }));
  },
};

const common = {
  bundle: true,
  format: "esm",
  minify: true,
  target: ["chrome105", "firefox121", "safari16.4"],
  charset: "utf8",
  legalComments: "none",
  outdir: out,
};

// Served by a gateway, the script knows where that is. From a shop's own bundle it cannot know.
for (const [outdir, served] of [
  [out, true],
  [dist, false],
]) {
  writeFileSync(`${outdir}/${wasmFile}`, wasm);
  await build({
    ...common,
    outdir,
    entryPoints: { "lezai-checkout": here("src/index.ts") },
    define: {
      WASM_FILE: JSON.stringify(`./${wasmFile}`),
      WASM_INTEGRITY: JSON.stringify(integrity),
      SERVED_BY_GATEWAY: String(served),
    },
    plugins: [cssText],
  });
  cpSync(here("../node_modules/lean-qr/LICENSE"), `${outdir}/LICENSE-lean-qr.txt`);
}
declare("checkout");
// Shops pin this one by its hash: a name that stays while the bytes change would break their pages.
const script = readFileSync(`${out}/lezai-checkout.js`);
writeFileSync(`${out}/lezai-checkout-${hash(script)}.js`, script);
await build({ ...common, entryPoints: [here("src/pay.ts")], plugins: [elementBeside] });
await build({ ...common, entryPoints: [here("static/pay.css")] });
const page = readFileSync(here("static/pay.html"), "utf8");
writeFileSync(`${out}/pay.html`, page.replace("{{wasm}}", wasmFile));
