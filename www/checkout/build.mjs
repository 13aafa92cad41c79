/**
 * Builds the element, and the gateway's payment page around it, into target/artifacts/checkout.
 * The wasm file must be there already, with its bindings (crate xtask makes them).
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../../target/artifacts/checkout");
const wasm = readFileSync(here("../../target/wasm-bindgen/web/lezai_web_bg.wasm"));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const wasmFile = `lezai_web_bg-${createHash("sha256").update(wasm).digest("hex").slice(0, 16)}.wasm`;
const integrity = `sha384-${createHash("sha384").update(wasm).digest("base64")}`;
writeFileSync(`${out}/${wasmFile}`, wasm);

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

await build({
  ...common,
  entryPoints: { "lezai-checkout": here("src/index.ts") },
  define: { WASM: JSON.stringify({ file: wasmFile, integrity }) },
  plugins: [cssText],
});
await build({ ...common, entryPoints: [here("src/pay.ts")], plugins: [elementBeside] });
await build({ ...common, entryPoints: [here("static/pay.css")] });
const page = readFileSync(here("static/pay.html"), "utf8");
writeFileSync(`${out}/pay.html`, page.replace("{{wasm}}", wasmFile));
cpSync(here("../node_modules/lean-qr/LICENSE"), `${out}/LICENSE-lean-qr.txt`);
