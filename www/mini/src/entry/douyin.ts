/** Douyin: the platform from the app's own globals. */

import { type DouyinHost, douyin } from "../platform/douyin.ts";
import type { Platform } from "../platform.ts";

declare const tt: DouyinHost["tt"];
declare const TTWebAssembly: NonNullable<DouyinHost["TTWebAssembly"]> | undefined;

let wasm = "/lezai/lezai.wasm.br";

/** For a module that lies elsewhere in the package; the path is absolute. */
export function configure(options: { wasm?: string }): void {
  wasm = options.wasm ?? wasm;
}

export function platform(): Platform {
  return douyin(
    {
      tt,
      TTWebAssembly: typeof TTWebAssembly === "undefined" ? undefined : TTWebAssembly,
      setTimeout,
      clearTimeout,
    },
    wasm,
  );
}
