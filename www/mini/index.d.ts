/** @lezai/mini: what `wechat.js`, `alipay.js` and `douyin.js` export, and `probe.js`. The component is `<platform>/lezai-checkout`. */

/** Paths in the package, for an app that does not use the defaults; further languages; on Alipay also the shop's random bytes. */
export function configure(options: {
  /** The module, such as `/lezai/lezai.wasm.br`. */
  wasm?: string;
  /** Alipay: the Worker's script, as `app.json` names it. */
  worker?: string;
  /** Alipay: asks the shop's server for so many random bytes, in base64url. */
  entropy?: (length: number) => Promise<string>;
  /** Beside English and Chinese: what `require("./lezai/languages/ja.js")` and its like give. */
  languages?: object[];
  /** The signer and verifier, if it is not the core: the result of `withNoble`. */
  core?: Core;
}): void;

/** Of `noble.js`: `p256` is that of `@noble/curves/nist.js`, version 2, which the app installs. It needs BigInt. */
export function withNoble(p256: object): Core;
export type Core = (module: object) => object;

/** The adapter for this app's platform. */
export function platform(): Platform;

export interface Platform {
  readonly name: "wechat" | "alipay" | "douyin";
  /** The gateway's method that works here; an order's `methods` must name it. */
  readonly method: string;
  /** `server` where a key is made of bytes that the shop's server sent, which is less than `device`. */
  readonly entropy: "device" | "server";
}

export interface Finding {
  what: string;
  ok: boolean;
  detail: string;
}

/** Tries every capability that a checkout needs. */
export function probe(
  platform: Platform,
  gateway: string,
  vectors: readonly { what: string; call: string; answer: string }[],
  found: (finding: Finding) => void,
): Promise<void>;
