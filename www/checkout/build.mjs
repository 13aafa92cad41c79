/**
 * Builds the element twice: with the gateway's payment page around it into target/artifacts/checkout,
 * and as the npm package @lezai/checkout into `dist`. The wasm files must be there already, with their
 * bindings (crate xtask makes them).
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { target } from "../browsers.mjs";
import { declare } from "../declarations.mjs";
import { cssText, languagesBeside, tags, words } from "./plugins.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../../target/artifacts/checkout");
const dist = here("dist");
const wasm = readFileSync(here("../../target/wasm-bindgen/web/lezai_web_bg.wasm"));
const p256 = readFileSync(here("../../target/artifacts/mini/lezai.wasm"));

for (const folder of [out, dist]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

const hashOf = (algorithm, bytes) => createHash(algorithm).update(bytes).digest("base64");
/** Sixteen hex digits of a file's hash, for its name: such a file may be kept for good. */
const named = (name, bytes, ending) =>
  `${name}-${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}.${ending}`;

const WASM = named("lezai_web_bg", wasm, "wasm");
const P256 = named("lezai_p256", p256, "wasm");
/** The languages that are not in the script. Each hash is in the first load, so they are short ones. */
const LANGUAGES = Object.fromEntries(
  tags
    .filter((tag) => tag !== "en")
    .map((tag) => {
      const bytes = words(tag);
      const file = named(`language-${tag}`, bytes, "json");
      return [tag, { file, bytes, integrity: `sha256-${hashOf("sha256", bytes)}` }];
    }),
);

const common = {
  bundle: true,
  format: "esm",
  minify: true,
  target,
  charset: "utf8",
  legalComments: "none",
  outdir: out,
};

// Served by a gateway, the script knows where that is. From a shop's own bundle it cannot know.
for (const [outdir, served] of [
  [out, true],
  [dist, false],
]) {
  writeFileSync(`${outdir}/${WASM}`, wasm);
  writeFileSync(`${outdir}/${P256}`, p256);
  for (const { file, bytes } of Object.values(LANGUAGES)) writeFileSync(`${outdir}/${file}`, bytes);
  await build({
    ...common,
    outdir,
    entryPoints: { "lezai-checkout": here("src/index.ts") },
    define: {
      WASM_FILE: JSON.stringify(`./${WASM}`),
      WASM_INTEGRITY: JSON.stringify(`sha384-${hashOf("sha384", wasm)}`),
      P256_FILE: JSON.stringify(`./${P256}`),
      P256_INTEGRITY: JSON.stringify(`sha384-${hashOf("sha384", p256)}`),
      SERVED_BY_GATEWAY: String(served),
    },
    plugins: [cssText, languagesBeside(LANGUAGES, served ? "" : "?no-inline")],
  });
  cpSync(here("../node_modules/lean-qr/LICENSE"), `${outdir}/LICENSE-lean-qr.txt`);
}
declare("checkout");
for (const name of ["react.js", "react.d.ts"]) cpSync(here(`static/${name}`), `${dist}/${name}`);
// Shops pin this one by its hash: a name that stays while the bytes change would break their pages.
const script = readFileSync(`${out}/lezai-checkout.js`);
const SCRIPT = named("lezai-checkout", script, "js");
writeFileSync(`${out}/${SCRIPT}`, script);
for (const path of ["src/pay.ts", "static/pay.css"]) await build({ ...common, entryPoints: [here(path)] });

/** The files that a shopper's browser loads from us, and why: PCI DSS 4.0.1, 6.4.3. */
const PURPOSES = {
  [SCRIPT]: ["script", "The checkout element: draws the payment and talks to the gateway."],
  "pay.js": [
    "script",
    "The hosted page's own script: takes the session from the address and shows the element.",
  ],
  "pay.css": ["style", "The hosted page's own style."],
  [WASM]: ["wasm", "The payment core: composes the page's calls and checks the gateway's answers."],
  [P256]: ["wasm", "Signs and verifies where the browser has no WebCrypto; loaded there alone."],
  ...Object.fromEntries(
    Object.entries(LANGUAGES).map(([tag, { file }]) => [file, ["data", `The words in ${tag}; no script.`]]),
  ),
};
const inventory = Object.entries(PURPOSES).map(([file, [kind, purpose]]) => {
  const bytes = readFileSync(`${out}/${file}`);
  const integrity = `sha384-${hashOf("sha384", bytes)}`;
  return { path: `/checkout/v1/${file}`, kind, purpose, bytes: bytes.length, integrity };
});
const page = readFileSync(here("static/pay.html"), "utf8").replace(/\{\{(\S+?)\}\}/g, (_place, name) => {
  if (name === "wasm") return WASM;
  if (name === "script") return SCRIPT;
  const file = name === "script-integrity" ? SCRIPT : name;
  return inventory.find(({ path }) => path.endsWith(`/${file}`)).integrity;
});
writeFileSync(`${out}/pay.html`, page);

const html = readFileSync(`${out}/pay.html`);
inventory.unshift({
  path: "/pay/{session}",
  kind: "page",
  purpose: "The hosted payment page. It is the same for every session.",
  bytes: html.length,
  integrity: `sha384-${hashOf("sha384", html)}`,
});
writeFileSync(`${out}/inventory.json`, `${JSON.stringify({ version: 1, files: inventory }, null, 2)}\n`);
