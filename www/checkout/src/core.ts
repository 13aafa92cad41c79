/** The payment core, compiled to WebAssembly: fetched once, its bytes checked against their hash. */
import init, * as core from "../../../target/wasm-bindgen/web/lezai_web.js";
import { Misuse, Unreachable } from "./errors.ts";

/**
 * Filled in by the build: the file beside this script, and its Subresource Integrity hash. Bundlers
 * know `new URL("./file", import.meta.url)` by its look, so the name must come out as a literal.
 */
declare const WASM_FILE: string;
declare const WASM_INTEGRITY: string;

export type Core = typeof core;

let loading: Promise<Core> | undefined;

/**
 * Loads it from beside this script; where a shop's bundler left it behind, from the gateway, which
 * serves the same bytes.
 *
 * @throws Unreachable if it cannot be fetched, Misuse if this page or browser does not allow it.
 */
export function loadCore(gateway: string): Promise<Core> {
  loading ??= load(gateway);
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

async function load(gateway: string): Promise<Core> {
  if (typeof WebAssembly === "undefined") {
    throw new Misuse(
      "wasm_missing",
      "this browser has no WebAssembly; send the shopper to checkout.url instead",
    );
  }
  const response =
    (await fetched(new URL(WASM_FILE, import.meta.url))) ??
    (await fetched(new URL(`/checkout/v1/${WASM_FILE}`, gateway)));
  if (!response) throw new Unreachable();
  try {
    await init({ module_or_path: response });
  } catch (error) {
    throw new Misuse(
      "wasm_forbidden",
      `WebAssembly could not be started; a Content-Security-Policy needs 'wasm-unsafe-eval' in its script-src (${error})`,
    );
  }
  return core;
}

async function fetched(url: URL): Promise<Response | undefined> {
  try {
    const response = await fetch(url, { integrity: WASM_INTEGRITY, referrerPolicy: "no-referrer" });
    return response.ok ? response : undefined;
  } catch {
    // No network, or bytes with another hash.
    return undefined;
  }
}
