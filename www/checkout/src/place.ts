/** The browser that shows the page, as far as ways to pay depend on it. */
import type { Method, Session } from "../../core/src/session.ts";

/** WeChat's browser gives each page this object, late: it announces it by an event on the document. */
interface Bridge {
  invoke(call: string, parameters: object, done: (outcome: unknown) => void): void;
}
const READY = "WeixinJSBridgeReady";

export interface Place {
  /** A touch screen without a mouse. */
  phone: boolean;
  /** The app whose browser it is. */
  app: "wechat" | "alipay" | undefined;
}

export function thisPlace(): Place {
  const { userAgent } = navigator;
  return {
    phone: matchMedia("(pointer: coarse) and (hover: none)").matches,
    app: /MicroMessenger/i.test(userAgent)
      ? "wechat"
      : /AlipayClient/i.test(userAgent)
        ? "alipay"
        : undefined,
  };
}

/** The methods that work here, the handiest first. */
export function offered(methods: Method[], place: Place): Method[] {
  const works = methods.filter(
    ({ kind }) => kind === "qr" || kind === "redirect" || (kind === "wechat_jsapi" && place.app === "wechat"),
  );
  const fits = works.filter(({ id }) => !yields(id, works, place));
  return (fits.length > 0 ? fits : works).sort((a, b) => rank(a, place) - rank(b, place));
}

/** Whether it is another device's way to the same wallet, or one that this browser is known to refuse. */
function yields(id: string, among: Method[], { phone, app }: Place): boolean {
  const has = (other: string) => among.some((it) => it.id === other);
  switch (id) {
    case "alipay_page":
      return phone && has("alipay_wap");
    case "alipay_wap":
      return !phone && (has("alipay_page") || has("alipay_qr"));
    case "unionpay_page":
      return phone && has("unionpay_wap");
    case "unionpay_wap":
      return !phone && (has("unionpay_page") || has("unionpay_qr"));
    case "wechat_h5":
      return !phone || app === "wechat";
    default:
      return false;
  }
}

/** The wallet whose browser it is comes first and its rival last; on a phone, codes come after what opens an app. */
function rank({ id, kind }: Method, { phone, app }: Place): number {
  const own = app === undefined ? 0 : id.startsWith(app) ? -2 : /^(wechat|alipay|unionpay)_/.test(id) ? 2 : 0;
  return own + Number(phone && kind === "qr");
}

/** Opens WeChat's cashier for the payment, and waits until the shopper has left it. Its word is a hint. */
export async function cashier({ payment }: Session): Promise<void> {
  if (payment?.kind !== "wechat_jsapi" || !payment.parameters) return;
  const { parameters } = payment;
  const bridge = await new Promise<Bridge>((resolve) => {
    const there = () => (globalThis as { WeixinJSBridge?: Bridge }).WeixinJSBridge;
    const known = there();
    if (known) resolve(known);
    else document.addEventListener(READY, () => resolve(there() as Bridge), { once: true });
  });
  await new Promise((resolve) => bridge.invoke("getBrandWCPayRequest", parameters, resolve));
}
