/**
 * The payment core, compiled to WebAssembly, inside of this file: a bundler cannot lose a second file,
 * and nothing is read from disk, for which Node, Deno and Bun have different interfaces.
 */
import { initSync } from "../../../target/wasm-bindgen/server/lezai_server.js";

export {
  type BodyDigest,
  Exchange,
  KeyRing,
  MerchantKey,
  PublicKey,
  reconcile,
  verify_callback,
  verify_webhook,
} from "../../../target/wasm-bindgen/server/lezai_server.js";

/** Filled in by the build: the module in base64. */
declare const WASM: string;

let started = false;

/** Starts the core, once. It takes some milliseconds, so it is called when a key is first needed. */
export function startCore(): void {
  if (started) return;
  initSync({ module: Uint8Array.from(atob(WASM), (letter) => letter.charCodeAt(0)) });
  started = true;
}
