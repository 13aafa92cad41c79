/** The payment core, compiled to WebAssembly: loaded once. */
import {
  allow,
  content_digest,
  Exchange,
  initSync,
  instalments,
  SignedGrant,
  thumbprint,
} from "../../../target/wasm-bindgen/web/lezai_web.js";
import { load } from "./wasm.ts";

/**
 * Filled in by the build: the file beside this script, and its Subresource Integrity hash. Bundlers
 * recognise `new URL("./file", import.meta.url)` by its form, so the name must become a literal.
 */
declare const WASM_FILE: string;
declare const WASM_INTEGRITY: string;

const core = { allow, content_digest, Exchange, instalments, SignedGrant, thumbprint };

export type Core = typeof core;

let loading: Promise<Core> | undefined;

/** @throws as `load`. */
export function loadCore(gateway: string): Promise<Core> {
  loading ??= load(new URL(WASM_FILE, import.meta.url), WASM_FILE, WASM_INTEGRITY, gateway).then((module) => {
    initSync({ module });
    return core;
  });
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}
