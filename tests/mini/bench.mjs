/**
 * How long the core takes to load, to sign first and to sign later: in Node, and in JavaScriptCore with and
 * without its JIT, beside @noble/curves in the same run. What a device takes, only a device says.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENGINES } from "./support/jsc.mjs";
import { built, npm, path } from "./support/paths.mjs";

const { build } = npm("esbuild");
const folder = mkdtempSync(join(tmpdir(), "lezai-bench-"));
const RUNS = 7;

const noble = join(folder, "noble.js");
await build({
  stdin: { contents: `export { p256 } from "@noble/curves/nist.js";`, resolveDir: path("www/mini") },
  bundle: true,
  format: "iife",
  globalName: "noble",
  minify: true,
  outfile: noble,
});

const script = join(folder, "bench.js");
writeFileSync(
  script,
  `
var node = typeof process !== "undefined";
var read = node ? function (f) { return new Uint8Array(require("fs").readFileSync(f)); } : function (f) { return new Uint8Array(readFile(f, "binary")); };
var now = node ? function () { return performance.now(); } : function () { return preciseTime() * 1000; };
var say = node ? console.log : print;
if (node) globalThis.noble = new Function(require("fs").readFileSync(${JSON.stringify(noble)}, "utf8") + ";return noble")();
else load(${JSON.stringify(noble)});
var bytes = read(${JSON.stringify(built("lezai.wasm"))});
function field(b) { var l = b.length; return [l & 255, (l >> 8) & 255, l >> 16, 0].concat(Array.prototype.slice.call(b)); }
function ascii(s) { return s.split("").map(function (c) { return c.charCodeAt(0); }); }
function call(op, fields) { return new Uint8Array([1, op].concat.apply([1, op], fields.map(field))); }
var core;
function ask(c) {
  var p = core.alloc(c.length);
  new Uint8Array(core.memory.buffer).set(c, p);
  var a = core.call(p, c.length);
  core.free(p, c.length);
  var n = new DataView(core.memory.buffer).getUint32(a, true);
  var out = new Uint8Array(core.memory.buffer.slice(a + 4, a + 4 + n));
  core.free(a, n + 4);
  if (out[1] !== 0) throw new Error("refused");
  return out;
}
function timed(act) { var t = now(); act(); return now() - t; }
function mean(act, n) { var t = now(); for (var i = 0; i < n; i += 1) act(); return (now() - t) / n; }
var secret = new Uint8Array(32); for (var i = 0; i < 32; i += 1) secret[i] = i * 7 + 1;
var message = new Uint8Array(300).fill(7);
var sign = call(3, [secret, ascii("k"), ascii("1795000000000"), ascii("nonce-0001"), ascii("GET"), ascii("pay.example"), ascii("/v1/x"), [], []]);
var out = {};
out.load = timed(function () { core = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports; });
out.first = timed(function () { ask(sign); });
out.later = mean(function () { ask(sign); }, 20);
var key = noble.p256.getPublicKey(secret, false);
var good = noble.p256.sign(message, secret);
var b64 = function (b) { var A = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", s = "", v = 0, n = 0; for (var i = 0; i < b.length; i += 1) { v = ((v << 8) | b[i]) & 0xffff; n += 8; while (n >= 6) { n -= 6; s += A[(v >> n) & 63]; } } if (n) s += A[(v << (6 - n)) & 63]; return ascii(s); };
var check = call(7, [b64(key.slice(1, 33)), b64(key.slice(33)), message, good]);
ask(check);
out.verify = mean(function () { ask(check); }, 10);
var rest = [ascii("k"), ascii("1795000000000"), ascii("nonce-0001"), ascii("GET"), ascii("pay.example"), ascii("/v1/x"), [], []];
function fieldsOf(answer) { var n = answer[2] | (answer[3] << 8); return answer.subarray(6, 6 + n); }
function both() {
  var base = fieldsOf(ask(call(9, rest)));
  ask(call(10, [noble.p256.sign(base, secret, { lowS: false })].concat(rest)));
}
both();
out.both_later = mean(both, 20);
out.noble_later = mean(function () { noble.p256.sign(message, secret); }, 20);
out.noble_verify = mean(function () { if (!noble.p256.verify(good, message, key)) throw new Error("no"); }, 10);
say(JSON.stringify(out));
`,
);
const cold = join(folder, "cold.js");
writeFileSync(
  cold,
  `
var node = typeof process !== "undefined";
var now = node ? function () { return performance.now(); } : function () { return preciseTime() * 1000; };
var t0 = now();
if (node) globalThis.noble = new Function(require("fs").readFileSync(${JSON.stringify(noble)}, "utf8") + ";return noble")();
else load(${JSON.stringify(noble)});
var loaded = now();
var secret = new Uint8Array(32); for (var i = 0; i < 32; i += 1) secret[i] = i * 7 + 1;
noble.p256.sign(new Uint8Array(300).fill(7), secret);
(node ? console.log : print)(JSON.stringify({ noble_load: loaded - t0, noble_first: now() - loaded }));
`,
);

const engines = {
  node: [process.execPath],
  ...Object.fromEntries(Object.entries(ENGINES).map(([name, flags]) => [name, ["jsc", ...flags]])),
};
console.log(
  `best of ${RUNS} processes, ms              load  first  later  verify | noble: load  first  later  verify | core with noble: later`,
);
for (const [name, [command = "", ...flags]] of Object.entries(engines)) {
  const runs = Array.from({ length: RUNS }, () =>
    Object.assign(
      /** @type {Record<string, number>} */ ({}),
      ...[script, cold].map((file) =>
        JSON.parse(execFileSync(command, [...flags, file], { encoding: "utf8" })),
      ),
    ),
  );
  const best = (/** @type {string} */ what) =>
    Math.min(...runs.map((run) => run[what] ?? 0))
      .toFixed(1)
      .padStart(6);
  const [ours, theirs] = [
    ["load", "first", "later", "verify"],
    ["noble_load", "noble_first", "noble_later", "noble_verify"],
  ];
  console.log(
    `${name.padEnd(36)} ${ours.map(best).join(" ")} |        ${theirs.map(best).join(" ")} |                  ${best("both_later")}`,
  );
}
rmSync(folder, { recursive: true });
