/**
 * Runs a script in JavaScriptCore's shell: the engine of iOS mini-programs, with and without its JIT. The
 * shell has no TextEncoder, no crypto, no fetch and no timers, so what works there needs none.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { built } from "./paths.mjs";

export const ENGINES = { jsc: [], "jsc --useJIT=0": ["--useJIT=0"] };

/** The package's shared file as one expression: what it exports. */
export const lezai = () =>
  `(function () { var module = { exports: {} }; (function (module, exports) { ${readFileSync(built("package/lezai.js"), "utf8")}\n})(module, module.exports); return module.exports; })()`;

/**
 * @param {string[]} flags
 * @param {string} script  It finds the module's bytes in `wasm`, and writes one line of JSON by `print`.
 */
export function jsc(flags, script) {
  const folder = mkdtempSync(join(tmpdir(), "lezai-jsc-"));
  try {
    const file = join(folder, "script.js");
    const head = `var wasm = new Uint8Array(readFile(${JSON.stringify(built("lezai.wasm"))}, "binary"));\n`;
    writeFileSync(file, head + script);
    const output = execFileSync("jsc", [...flags, file], { encoding: "utf8", timeout: 600_000 });
    return JSON.parse(output.trim().split("\n").at(-1) ?? "");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
