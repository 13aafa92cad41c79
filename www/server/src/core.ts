/**
 * The payment core, compiled to WebAssembly, inside of this very file: a server's bundler has no
 * second file to lose, and nothing is read from a disk that Node, Deno and Bun each ask in another way.
 */
import { initSync } from "../../../target/wasm-bindgen/server/lezai_server.js";

export {
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

/** Starts the core. It takes some milliseconds, once, so whoever first needs a key calls it. */
export function startCore(): void {
  if (started) return;
  initSync({ module: Uint8Array.from(atob(WASM), (letter) => letter.charCodeAt(0)) });
  started = true;
}
