/** Douyin: the platform from the app's own globals. */

import { type DouyinHost, douyin } from "../platform/douyin.ts";
import type { Platform } from "../platform.ts";
import { learn, type Words } from "../words.ts";

declare const tt: DouyinHost["tt"];
declare const TTWebAssembly: NonNullable<DouyinHost["TTWebAssembly"]> | undefined;

let wasm = "/lezai/lezai.wasm.br";

let core: Platform["core"];

/** Sets another absolute path of the module in the package, and further languages. */
export function configure(options: { wasm?: string; languages?: Words[]; core?: Platform["core"] }): void {
  wasm = options.wasm ?? wasm;
  core = options.core;
  learn(options.languages ?? []);
}

export function platform(): Platform {
  const TTWebAssembly_ = typeof TTWebAssembly === "undefined" ? undefined : TTWebAssembly;
  const made = douyin({ tt, TTWebAssembly: TTWebAssembly_, setTimeout, clearTimeout }, wasm);
  made.core = core;
  return made;
}
