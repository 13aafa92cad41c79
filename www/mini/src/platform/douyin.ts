/** Douyin. */
import { after, type Outcome, type Platform, promised, type Timers, word } from "../platform.ts";
import { type Api, load, random, request, storage, type Wasm } from "./wechat_like.ts";

export interface DouyinHost extends Timers {
  tt: Api & {
    pay(
      option: {
        orderInfo: { order_id: string; order_token: string };
        service: 5;
      } & Outcome<{ code: number }>,
    ): unknown;
  };
  TTWebAssembly: Wasm | undefined;
}

/** Results of `tt.pay` in `code`: 0 paid, 4 cancelled; the others are not certain. */
const CODES = { 0: "success", 4: "cancelled" } as const;

/** `wasm` is the module's absolute path in the package: a relative one is relative to the page. */
export function douyin(host: DouyinHost, wasm: string): Platform {
  const { tt, TTWebAssembly } = host;
  return {
    name: "douyin",
    method: "douyin_mini",
    entropy: "device",
    load: () => load(TTWebAssembly, wasm),
    random: (length) => random(tt, length),
    request: (ask) => request(tt, ask),
    storage: storage(tt),
    pay: async (parameters) => {
      try {
        const order = parameters.orderInfo as Record<string, unknown>;
        const orderInfo = {
          order_id: word(order, "order_id"),
          order_token: word(order, "order_token"),
        };
        const { code } = await promised<{ code: number }>((outcome) =>
          tt.pay(Object.assign(outcome, { orderInfo, service: 5 as const })),
        );
        return CODES[code as keyof typeof CODES] ?? "unknown";
      } catch {
        return "unknown";
      }
    },
    // No documented interface returns the app's language.
    language: () => "zh-CN",
    after: after(host),
  };
}
