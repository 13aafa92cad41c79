/** WeChat. */
import {
  after,
  type Hint,
  type Outcome,
  type Platform,
  promised,
  reason,
  type Timers,
  word,
} from "../platform.ts";
import { type Api, load, random, request, storage, type Wasm } from "./wechat_like.ts";

export interface WechatHost extends Timers {
  wx: Api & {
    requestPayment(
      option: {
        timeStamp: string;
        nonceStr: string;
        package: string;
        signType: "RSA";
        paySign: string;
      } & Outcome<unknown>,
    ): unknown;
    getAppBaseInfo?(): { language: string };
    getSystemInfoSync(): { language: string };
  };
  WXWebAssembly: Wasm | undefined;
}

/** `wasm` is the module's path in the package. */
export function wechat(host: WechatHost, wasm: string): Platform {
  const { wx, WXWebAssembly } = host;
  return {
    name: "wechat",
    method: "wechat_jsapi",
    entropy: "device",
    load: () => load(WXWebAssembly, wasm),
    random: (length) => random(wx, length),
    request: (ask) => request(wx, ask),
    storage: storage(wx),
    pay: async (parameters) => {
      try {
        await promised<unknown>((outcome) =>
          wx.requestPayment({
            timeStamp: word(parameters, "timeStamp"),
            nonceStr: word(parameters, "nonceStr"),
            package: word(parameters, "package"),
            signType: word(parameters, "signType") as "RSA",
            paySign: word(parameters, "paySign"),
            success: outcome.success,
            fail: outcome.fail,
          }),
        );
        return "success";
      } catch (error) {
        return hint(error);
      }
    },
    language: () => (wx.getAppBaseInfo?.() ?? wx.getSystemInfoSync()).language.replace("_", "-"),
    after: after(host),
  };
}

function hint(error: unknown): Hint {
  return /cancel/.test(reason(error)) ? "cancelled" : "unknown";
}
