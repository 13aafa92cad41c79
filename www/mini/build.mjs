/**
 * Builds the npm package into target/artifacts/mini/package, and the samples around it into
 * target/artifacts/mini/samples. The wasm module must be there already (crate xtask makes it).
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { tags, words } from "./words.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const artifacts = here("../../target/artifacts/mini");
const out = `${artifacts}/package`;
const samples = `${artifacts}/samples`;

/** Each platform's names of conditions and taps in templates, and of its files. */
const PLATFORMS = {
  wechat: { condition: "wx:if", tap: "bindtap", template: "wxml", style: "wxss" },
  alipay: { condition: "a:if", tap: "onTap", template: "axml", style: "acss" },
  douyin: { condition: "tt:if", tap: "bindtap", template: "ttml", style: "ttss" },
};

rmSync(out, { recursive: true, force: true });
rmSync(samples, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

/** The languages that every app has; an app requires those that it adds. */
const ALWAYS = ["en", "zh-CN"];

const wordsPlugin = {
  name: "words",
  setup(build) {
    build.onResolve({ filter: /^lezai:words$/ }, () => ({ path: "words", namespace: "words" }));
    build.onLoad({ filter: /.*/, namespace: "words" }, () => ({
      contents: `export const WORDS = ${JSON.stringify(ALWAYS.map(words))};`,
    }));
  },
};

/** One copy of the shared code: whoever imports a part of it gets the file that has it all. */
const SHARED = /\/(bytes|checkout|core|entropy|errors|platform|shown|words|host|lezai)\.ts$/;
const beside = (folder, names = {}) => ({
  name: "beside",
  setup(build) {
    build.onResolve({ filter: SHARED }, () => ({ path: `${folder}/lezai.js`, external: true }));
    build.onResolve({ filter: /^\.\/[a-z]+\.ts$/ }, ({ path }) => {
      const name = path.slice(2, -3);
      return names[name] ? { path: names[name], external: true } : undefined;
    });
  },
});

const common = {
  bundle: true,
  format: "cjs",
  platform: "neutral",
  minify: true,
  target: "es2017",
  charset: "utf8",
  legalComments: "none",
};

await build({
  ...common,
  entryPoints: [here("src/entry/lezai.ts")],
  outfile: `${out}/lezai.js`,
  plugins: [wordsPlugin],
});

for (const name of ["probe", "noble"])
  await build({
    ...common,
    entryPoints: [here(`src/entry/${name}.ts`)],
    outfile: `${out}/${name}.js`,
    plugins: [beside(".")],
  });

const css = styles();
for (const [name, { condition, tap, template, style }] of Object.entries(PLATFORMS)) {
  const folder = `${out}/${name}`;
  await build({
    ...common,
    entryPoints: [here(`src/entry/${name}.ts`)],
    outfile: `${out}/${name}.js`,
    plugins: [beside(".")],
  });
  await build({
    ...common,
    entryPoints: [here(`src/entry/${name}_component.ts`)],
    outfile: `${folder}/lezai-checkout.js`,
    plugins: [beside("..", { [name]: `../${name}.js` })],
  });
  const markup = readFileSync(here("component/checkout.html"), "utf8")
    .replace(/<!--.*?-->\s*/gs, "")
    .replace(/\n\s*/g, "")
    .replaceAll("wx:if", condition)
    .replaceAll("bindtap", tap);
  writeFileSync(`${folder}/lezai-checkout.${template}`, markup);
  writeFileSync(`${folder}/lezai-checkout.${style}`, css);
  writeFileSync(`${folder}/lezai-checkout.json`, '{"component":true}\n');
}
mkdirSync(`${out}/languages`);
for (const tag of tags.filter((tag) => !ALWAYS.includes(tag)))
  writeFileSync(`${out}/languages/${tag}.js`, `module.exports=${JSON.stringify(words(tag))};\n`);
// A Worker's script is transpiled by nobody, so it is written in ES5 and stays that.
await build({
  entryPoints: [here("src/worker.js")],
  outfile: `${out}/worker.js`,
  minify: true,
  target: "es5",
});
cpSync(here("index.d.ts"), `${out}/index.d.ts`);
cpSync(`${artifacts}/lezai.wasm.br`, `${out}/lezai.wasm.br`);
const { name, version, description, license } = JSON.parse(readFileSync(here("package.json"), "utf8"));
const manifest = {
  name,
  version,
  description,
  license,
  main: "wechat.js",
  types: "index.d.ts",
  miniprogram: ".",
  // For `noble.js` alone.
  peerDependencies: { "@noble/curves": "^2.4.0" },
  peerDependenciesMeta: { "@noble/curves": { optional: true } },
};
writeFileSync(`${out}/package.json`, `${JSON.stringify(manifest)}\n`);

for (const platform of Object.keys(PLATFORMS)) sample(platform);

/** The component's style, with the web checkout's own colours. */
function styles() {
  const web = readFileSync(here("../checkout/src/style.css"), "utf8");
  const css = readFileSync(here("component/checkout.css"), "utf8");
  return css
    .replace(/var\(--([a-z-]+)\)/g, (_, name) => {
      // A merchant's own colour, where the web checkout has room for one, is not the component's.
      const declared = new RegExp(`var\\(--lezai-${name}, (?:var\\(--brand-light, )?(#[0-9a-f]{6})\\)`);
      const [, colour] = declared.exec(web) ?? [];
      if (!colour) throw new Error(`the web checkout has no colour ${name} any more`);
      return colour;
    })
    .replace(/\/\*.*?\*\/\s*/gs, "")
    .replace(/\n\s*/g, "")
    .replace(/: /g, ":")
    .replace(/ \{/g, "{");
}

/** A sample, the package beside it under `lezai`, and what only its platform needs. */
function sample(platform) {
  const folder = `${samples}/${platform}`;
  cpSync(here(`samples/${platform}`), folder, { recursive: true });
  mkdirSync(`${folder}/lezai/${platform}`, { recursive: true });
  for (const file of ["lezai.js", "probe.js", `${platform}.js`, "lezai.wasm.br"])
    cpSync(`${out}/${file}`, `${folder}/lezai/${file}`);
  cpSync(`${out}/${platform}`, `${folder}/lezai/${platform}`, { recursive: true });
  // The one that the samples add.
  mkdirSync(`${folder}/lezai/languages`);
  cpSync(`${out}/languages/zh-TW.js`, `${folder}/lezai/languages/zh-TW.js`);
  if (platform === "alipay") {
    mkdirSync(`${folder}/workers`, { recursive: true });
    cpSync(`${out}/worker.js`, `${folder}/workers/lezai.js`);
  }
  const vectors = readFileSync(here("../../tests/vectors/mini.json"), "utf8");
  writeFileSync(`${folder}/pages/probe/vectors.js`, `module.exports = ${vectors.trim()};\n`);
}
