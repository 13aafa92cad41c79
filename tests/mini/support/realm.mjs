/** The built package in a realm that has ECMAScript and the platform's own globals, and nothing else. */
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { built, npm } from "./paths.mjs";

const { transformSync } = npm("esbuild");

/**
 * A Promise whose reactions run as timers do, as iOS 15 and older have it in mini-programs. `ran` counts them.
 */
const MACROTASK = `(function (setTimeout, Native) {
  return class Promise extends Native {
    then(fulfilled, rejected) {
      return new Promise((resolve, reject) => {
        const react = (act, otherwise) => (value) => setTimeout(() => {
          Promise.ran += 1;
          if (typeof act !== "function") return otherwise(value);
          try { resolve(act(value)); } catch (error) { reject(error); }
        }, 0);
        super.then(react(fulfilled, resolve), react(rejected, reject));
      });
    }
    static ran = 0;
    static get [Symbol.species]() { return Native; }
  };
})`;

/** Globals of ECMAScript that the logic layers lack. */
const LACKING = ["WebAssembly", "SharedArrayBuffer", "Atomics"];

/**
 * @param {Record<string, unknown>} globals
 * @param {{ without?: string[], macrotask?: boolean }} [options]  Globals of ECMAScript to take away, such as
 *   `BigInt`; whether promises run as timers do. The language's own `async` would pass that by, so the package is
 *   then lowered as the developer tools lower it for such devices.
 */
export function realm(globals, { without = [], macrotask = false } = {}) {
  const context = createContext({ ...globals }, { codeGeneration: { strings: false, wasm: false } });
  for (const name of [...LACKING, ...without]) runInContext(`delete this.${name}`, context);
  if (macrotask) {
    const made = runInContext(MACROTASK, context)(globals.setTimeout, runInContext("Promise", context));
    Object.defineProperty(context, "Promise", { value: made, configurable: true, writable: true });
  }
  const names = () => runInContext("Object.getOwnPropertyNames(this).join()", context);
  const before = names();
  const loaded = /** @type {Record<string, any>} */ ({});
  /** @param {string} name @returns {any} */
  const load = (name) => {
    if (loaded[name]) return loaded[name].exports;
    const module = { exports: {} };
    loaded[name] = module;
    const shipped = readFileSync(built(`package/${name}`), "utf8");
    const source = macrotask ? transformSync(shipped, { target: "es2016", minify: true }).code : shipped;
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
