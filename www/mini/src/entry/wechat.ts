/** WeChat: the platform from the app's own globals. */

import { type WechatHost, wechat } from "../platform/wechat.ts";
import type { Platform } from "../platform.ts";
import { learn, type Words } from "../words.ts";

declare const wx: WechatHost["wx"];
declare const WXWebAssembly: NonNullable<WechatHost["WXWebAssembly"]> | undefined;

/** The module's path after the developer tools' `npm build`. */
let wasm = "/miniprogram_npm/@lezai/mini/lezai.wasm.br";

let core: Platform["core"];

/** Sets another path of the module in the package, and further languages. */
export function configure(options: { wasm?: string; languages?: Words[]; core?: Platform["core"] }): void {
  wasm = options.wasm ?? wasm;
  core = options.core;
  learn(options.languages ?? []);
}

export function platform(): Platform {
  const WXWebAssembly_ = typeof WXWebAssembly === "undefined" ? undefined : WXWebAssembly;
  const made = wechat({ wx, WXWebAssembly: WXWebAssembly_, setTimeout, clearTimeout }, wasm);
  made.core = core;
  return made;
}
