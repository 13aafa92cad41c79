/** The checks of the platforms' developer tools, on the built package and samples. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { brotliDecompressSync, gzipSync } from "node:zlib";
import { built, npm, wasm } from "./support/paths.mjs";

const acorn = npm("acorn");

/** A package for all three platforms, as npm sends it; and what one app carries
 * of it as it lies there, with English and Chinese; a further language is some 3 KB.
 * More than half of both is the core. docs/mini.md says what they are today. */
const PACKED_MOST = 84_000;
const IN_AN_APP_MOST = 84_000;
/** WeChat's bound for a package, the smallest of the three. */
const SAMPLE_MOST = 2 * 1024 * 1024;

/** Suffixes that the platforms upload; WeChat's list is the shortest. */
const SUFFIXES = /\.(js|json|wxml|wxss|axml|acss|ttml|ttss|br|ts|md)$/;

/** @param {string} folder @returns {string[]} */
const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
const size = (/** @type {string[]} */ list) => list.reduce((sum, file) => sum + statSync(file).size, 0);

test("the module imports nothing and exports a memory and three functions", () => {
  const module = new WebAssembly.Module(wasm());
  assert.deepEqual(WebAssembly.Module.imports(module), []);
  assert.deepEqual(
    WebAssembly.Module.exports(module)
      .map(({ name, kind }) => `${name} ${kind}`)
      .sort(),
    ["alloc function", "call function", "free function", "memory memory"],
  );
});

test("the module uses the two permitted features, and no other", () => {
  const binaryen = new URL("../../www/node_modules/.bin/wasm-opt", import.meta.url).pathname;
  const { execFileSync } = process.getBuiltinModule("node:child_process");
  const opt = (/** @type {string[]} */ ...flags) =>
    execFileSync(binaryen, ["--mvp-features", ...flags, built("lezai.wasm"), "-o", "/dev/null"], {
      stdio: "pipe",
    });
  opt("--enable-mutable-globals", "--enable-sign-ext");
  assert.throws(() => opt("--enable-mutable-globals"), "it uses sign-ext, or this proves nothing");
});

test("the compressed module is the module", () => {
  assert.deepEqual(brotliDecompressSync(readFileSync(built("lezai.wasm.br"))), wasm());
  assert.deepEqual(readFileSync(built("package/lezai.wasm.br")), readFileSync(built("lezai.wasm.br")));
});

test("the package is small", () => {
  const all = files(built("package"));
  const packed = gzipSync(Buffer.concat(all.map((file) => readFileSync(file))), { level: 9 }).length;
  assert.ok(packed < PACKED_MOST, `${packed} bytes packed`);
  for (const platform of ["wechat", "alipay", "douyin"]) {
    const own = all.filter((file) => {
      const name = file.slice(built("package/").length);
      return (
        name.startsWith(platform) ||
        name === "lezai.js" ||
        name === "lezai.wasm.br" ||
        (platform === "alipay" && name === "worker.js")
      );
    });
    assert.ok(size(own) <= IN_AN_APP_MOST, `${platform}: ${size(own)} bytes`);
  }
});

for (const platform of ["wechat", "alipay", "douyin"]) {
  test(`${platform}: the sample holds what may be uploaded, and all that it names`, () => {
    const folder = built(`samples/${platform}`);
    const all = files(folder);
    for (const file of all) assert.match(file, SUFFIXES);
    assert.ok(size(all) < SAMPLE_MOST, `${size(all)} bytes`);
    const app = JSON.parse(readFileSync(join(folder, "app.json"), "utf8"));
    const template = { wechat: "wxml", alipay: "axml", douyin: "ttml" }[platform];
    for (const page of app.pages) {
      for (const end of ["js", "json", template])
        assert.ok(all.includes(join(folder, `${page}.${end}`)), `${page}.${end}`);
      const { usingComponents = {} } = JSON.parse(readFileSync(join(folder, `${page}.json`), "utf8"));
      for (const component of Object.values(usingComponents)) {
        for (const end of ["js", "json", template])
          assert.ok(all.includes(join(folder, `${component}.${end}`)), `${component}.${end}`);
      }
    }
    for (const worker of app.workers ?? []) assert.ok(all.includes(join(folder, worker)));
  });
}

for (const [platform, [host, template]] of Object.entries({
  wechat: ["wx", "wxml"],
  alipay: ["my", "axml"],
  douyin: ["tt", "ttml"],
})) {
  test(`${platform}: the sample's shop shows a price as its currency has it`, () => {
    const read = (/** @type {string} */ end) =>
      readFileSync(built(`samples/${platform}/pages/shop/shop.${end}`), "utf8");
    const products = Object.entries({ CNY: 12800, JPY: 2800, USD: 5 }).map(([currency, price]) => ({
      currency,
      price,
    }));
    const answered = (/** @type {any} */ { success }) => success({ data: { products } });
    let page = /** @type {any} */ (undefined);
    runInNewContext(read("js"), {
      Page: (/** @type {any} */ own) => {
        page = own;
      },
      getApp: () => ({ shop: "" }),
      [host]: { request: answered },
    });
    page.setData = (/** @type {any} */ data) => Object.assign(page.data, data);
    page.onLoad();
    assert.deepEqual(
      [...page.data.products].map(({ shown }) => shown),
      ["¥128.00", "2,800 日元", "USD 0.05"],
    );
    assert.match(read(template), />\{\{item\.shown\}\}</);
  });
}

test("every script is in the language that its platform runs, and asks for nothing that is forbidden", () => {
  const scripts = [
    built("package"),
    built("samples/wechat"),
    built("samples/alipay"),
    built("samples/douyin"),
  ]
    .flatMap(files)
    .filter((file) => file.endsWith(".js"));
  assert.ok(scripts.length > 20);
  for (const file of scripts) {
    const source = readFileSync(file, "utf8");
    const ecmaVersion = /worker\.js$|workers\//.test(file) ? 5 : 2017;
    acorn.parse(source, { ecmaVersion, sourceType: "script" });
    assert.doesNotMatch(source, /\beval\s*\(|new Function\s*\(|Math\.random|import\s*\(/, file);
  }
  assert.throws(() => acorn.parse("var f = () => 1", { ecmaVersion: 5 }));
});

test("templates differ only in their platform's keywords", () => {
  const read = (/** @type {string} */ file) => readFileSync(built(`package/${file}`), "utf8");
  const wechat = read("wechat/lezai-checkout.wxml");
  assert.equal(read("douyin/lezai-checkout.ttml"), wechat.replaceAll("wx:if", "tt:if"));
  assert.equal(
    read("alipay/lezai-checkout.axml"),
    wechat.replaceAll("wx:if", "a:if").replaceAll("bindtap", "onTap"),
  );
  assert.equal(read("alipay/lezai-checkout.acss"), read("wechat/lezai-checkout.wxss"));
  assert.doesNotMatch(read("wechat/lezai-checkout.wxss"), /var\(/);
});
