/** Fails to compile when the adapter uses a member of `wx` that WeChat's own typings lack. */
import type { WechatHost } from "../src/platform/wechat.ts";

export const host: Omit<WechatHost, "setTimeout" | "clearTimeout"> = { wx, WXWebAssembly };
