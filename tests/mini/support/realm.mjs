/** The built package in a realm that has ECMAScript and the platform's own globals, and nothing else. */
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { built } from "./paths.mjs";

/** What ECMAScript has by itself and the logic layers lack. */
const LACKING = ["WebAssembly", "SharedArrayBuffer", "Atomics"];

/**
 * @param {Record<string, unknown>} globals
 * @param {{ without?: string[] }} [options]  Globals of ECMAScript to take away, such as `BigInt`.
 */
export function realm(globals, { without = [] } = {}) {
  const context = createContext({ ...globals }, { codeGeneration: { strings: false, wasm: false } });
  for (const name of [...LACKING, ...without]) runInContext(`delete this.${name}`, context);
  const names = () => runInContext("Object.getOwnPropertyNames(this).join()", context);
  const before = names();
  const loaded = /** @type {Record<string, any>} */ ({});
  /** @param {string} name @returns {any} */
  const load = (name) => {
    if (loaded[name]) return loaded[name].exports;
    const module = { exports: {} };
    loaded[name] = module;
    const source = readFileSync(built(`package/${name}`), "utf8");
    const folder = name.includes("/") ? name.slice(0, name.lastIndexOf("/") + 1) : "";
    const require = (/** @type {string} */ to) => load(new URL(to, `file:///${folder}`).pathname.slice(1));
    runInContext(`(function (require, module, exports) { ${source}\n})`, context)(
      require,
      module,
      module.exports,
    );
    return module.exports;
  };
  return {
    load,
    context,
    /** Globals that the package made, changed or took away. */
    touched: () => (names() === before ? "" : "globals changed"),
  };
}
