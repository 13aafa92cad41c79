/**
 * That the adapters use no member which their platform's typings or their double lacks is a matter of types, and
 * `make check` asks. Here each of these checks is shown to bite: with a member that nobody has, it fails.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { path } from "./support/paths.mjs";

const TSC = path("www/node_modules/.bin/tsc");

/** @param {string} folder @param {string} base a tsconfig.json @param {string} source @param {object} options */
function compiled(folder, base, source, options = {}) {
  const config = {
    extends: path(base),
    compilerOptions: options,
    include: ["./*", path("www/mini/src/modules.d.ts")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(folder, "check.ts"), source);
  try {
    execFileSync(TSC, ["-p", folder], { encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) {
    return String(/** @type {any} */ (error).stdout);
  }
}

for (const platform of ["wechat", "alipay", "douyin"]) {
  test(`${platform}: the typings know what the adapter uses, and nothing that is made up`, () => {
    // Beside the real one, so that what it imports is found.
    const folder = mkdtempSync(path("www/mini/typings/tried-"));
    try {
      const shipped = readFileSync(path(`www/mini/typings/${platform}.ts`), "utf8").replaceAll(
        "../src/",
        "../../src/",
      );
      const base = `www/mini/typings/${platform}.json`;
      assert.equal(compiled(folder, base, shipped), "");
      const made_up = shipped.replace(
        /export const host: (.*) =/,
        "export const host: $1 & { neverHeardOf(): void } =",
      );
      assert.notEqual(made_up, shipped);
      assert.match(compiled(folder, base, made_up), /neverHeardOf/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("a double without a member that the adapter uses does not compile", () => {
  const folder = mkdtempSync(path("tests/mini/tried-"));
  try {
    for (const [name, from, members] of [
      ["AlipayHost", "alipay", "my"],
      ["WechatHost", "wechat", "wx"],
      ["DouyinHost", "douyin", "tt"],
    ]) {
      const type = `import("../../../www/mini/src/platform/${from}.ts").${name}["${members}"]`;
      const source = (/** @type {string} */ host) =>
        `declare const whole: ${type};\nconst { request, ...rest } = whole;\nexport const double: ${type} = ${host};\n`;
      const options = { noUnusedLocals: false };
      assert.equal(
        compiled(folder, "tests/browser/tsconfig.json", source("{ request, ...rest }"), options),
        "",
      );
      assert.match(compiled(folder, "tests/browser/tsconfig.json", source("rest"), options), /request/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
