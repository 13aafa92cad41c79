/** The payment core, compiled to WebAssembly: fetched once, its bytes checked against their hash. */
import init, * as core from "../../../target/wasm-bindgen/web/lezai_web.js";
import { Misuse, Unreachable } from "./errors.ts";

/** Filled in by the build: the file beside this script, and its Subresource Integrity hash. */
declare const WASM: { file: string; integrity: string };

export type Core = typeof core;

let loading: Promise<Core> | undefined;

/**
 * @throws Unreachable if it cannot be fetched, Misuse if this page or browser does not allow it.
 */
export function loadCore(): Promise<Core> {
  loading ??= load();
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

async function load(): Promise<Core> {
  if (typeof WebAssembly === "undefined") {
    throw new Misuse(
      "wasm_missing",
      "this browser has no WebAssembly; send the shopper to checkout.url instead",
    );
  }
  let response: Response;
  try {
    response = await fetch(new URL(WASM.file, import.meta.url), {
      integrity: WASM.integrity,
      referrerPolicy: "no-referrer",
    });
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) throw new Unreachable();
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
