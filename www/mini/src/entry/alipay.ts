/** Alipay: the platform from the app's own globals, and the shop's source of random bytes. */

import { type AlipayHost, type AlipayOptions, alipay } from "../platform/alipay.ts";
import type { Platform } from "../platform.ts";
import { learn, type Words } from "../words.ts";

declare const my: AlipayHost["my"];

const options: AlipayOptions = {
  worker: "workers/lezai.js",
  wasm: "/lezai/lezai.wasm.br",
  entropy: undefined,
};

let core: Platform["core"];

/** `entropy` requests random bytes of this length from the shop's server, in base64url; it is required. */
export function configure(
  own: Partial<AlipayOptions> & { languages?: Words[]; core?: Platform["core"] },
): void {
  options.worker = own.worker ?? options.worker;
  options.wasm = own.wasm ?? options.wasm;
  options.entropy = own.entropy;
  core = own.core;
  learn(own.languages ?? []);
}

/** Alipay allows one Worker: all components share it. */
let made: Platform | undefined;

export function platform(): Platform {
  made ??= alipay({ my, setTimeout, clearTimeout }, options);
  made.core = core;
  return made;
}
