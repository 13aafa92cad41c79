/** The browsers of wallets' apps: which methods are offered where, and WeChat's own cashier. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { npm, openPage, screenshot, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { eventually } from "./support/patience.mjs";

const WECHAT =
  "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0.50";

/** @type {import("./support/gateway.mjs").Gateway} */
let gateway;
/** @type {any} */
let browser;

before(async () => {
  [gateway, browser] = await Promise.all([startGateway(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

test("each browser is offered the methods that work in it, the handiest first", async () => {
  const { outputFiles } = await npm("esbuild").build({
    entryPoints: [fileURLToPath(new URL("../../www/checkout/src/place.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    write: false,
  });
  const { offered } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  const KINDS = /** @type {Record<string, string>} */ ({
    wechat_native: "qr",
    wechat_h5: "redirect",
    wechat_jsapi: "wechat_jsapi",
    alipay_qr: "qr",
    alipay_page: "redirect",
    alipay_wap: "redirect",
    alipay_mini: "alipay_mini",
    unionpay_qr: "qr",
    unionpay_page: "redirect",
    unionpay_wap: "redirect",
    wallet_qr: "qr",
  });
  const desktop = { phone: false, app: undefined };
  const phone = { phone: true, app: undefined };
  const inWechat = { phone: true, app: "wechat" };
  const inAlipay = { phone: true, app: "alipay" };
  const all = "wechat_native alipay_qr alipay_page alipay_wap wechat_jsapi wechat_h5 alipay_mini wallet_qr";
  for (const [place, methods, expected] of /** @type {[object, string, string][]} */ ([
    [desktop, all, "wechat_native alipay_qr alipay_page wallet_qr"],
    [phone, all, "alipay_wap wechat_h5 wechat_native alipay_qr wallet_qr"],
    [inWechat, all, "wechat_jsapi wechat_native wallet_qr alipay_wap alipay_qr"],
    [inAlipay, all, "alipay_wap alipay_qr wallet_qr wechat_h5 wechat_native"],
    [desktop, "unionpay_qr unionpay_page unionpay_wap", "unionpay_qr unionpay_page"],
    [phone, "unionpay_qr unionpay_page unionpay_wap", "unionpay_wap unionpay_qr"],
    [desktop, "unionpay_wap", "unionpay_wap"],
    [phone, "unionpay_qr alipay_wap wallet_qr", "alipay_wap unionpay_qr wallet_qr"],
    [inWechat, "unionpay_qr wechat_native wallet_qr", "wechat_native wallet_qr unionpay_qr"],
    // What is alone is offered wherever it could work at all.
    [desktop, "wechat_h5", "wechat_h5"],
    [desktop, "alipay_wap", "alipay_wap"],
    [desktop, "wechat_jsapi", ""],
    [inAlipay, "wechat_jsapi", ""],
    [phone, "alipay_mini", ""],
  ])) {
    const given = methods.split(" ").map((id) => ({ id, kind: KINDS[id] }));
    const found = offered(given, place).map((/** @type {{ id: string }} */ { id }) => id);
    assert.equal(found.join(" "), expected, `${JSON.stringify(place)}: ${methods}`);
  }
});

describe("in WeChat", () => {
  /** A page in WeChat, whose cashier does what a test says. */
  async function inWechat(/** @type {string} */ outcome, /** @type {boolean} */ isLate) {
    const shopper = await openPage(browser, { locale: "zh-CN", touch: true, userAgent: WECHAT });
    const calls = /** @type {any[]} */ ([]);
    await shopper.context.exposeBinding("invoked", (/** @type {any} */ _, /** @type {any} */ call) =>
      calls.push(call),
    );
    await shopper.context.addInitScript(
      (/** @type {{ outcome: string, isLate: boolean }} */ { outcome, isLate }) => {
        const page = /** @type {any} */ (window);
        const bridge = {
          invoke: async (
            /** @type {string} */ name,
            /** @type {object} */ parameters,
            /** @type {(said: object) => void} */ done,
          ) => {
            await page.invoked({ name, parameters });
            done({ err_msg: `get_brand_wcpay_request:${outcome}` });
          },
        };
        if (!isLate) page.WeixinJSBridge = bridge;
        page.announce = () => {
          page.WeixinJSBridge = bridge;
          document.dispatchEvent(new Event("WeixinJSBridgeReady"));
        };
      },
      { outcome, isLate },
    );
    const order = await gateway.create({
      methods: ["wechat_jsapi", "wallet_qr"],
      payer: { wechat_openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
    });
    await shopper.page.goto(order.checkout.url);
    await shopper.at("ready");
    return { ...shopper, calls, order };
  }

  test("the cashier opens with the parameters that were signed, and the gateway says when it is paid", async () => {
    const { page, checkout, at, calls, order, quiet, close } = await inWechat("ok", false);
    await screenshot(page, "wechat-choose");
    await checkout.getByRole("radio", { name: /微信支付/ }).waitFor();
    await checkout.getByRole("button", { name: /^支付/ }).click();
    await at("waiting");
    // The bridge's word is none: nobody has paid yet.
    await checkout.getByRole("button", { name: "前往钱包" }).click();
    await eventually(() => calls.length === 2, "the cashier opens again");
    await at("waiting");
    await gateway.shopper(order, "pay");
    await at("paid");
    for (const { name, parameters } of calls) {
      assert.equal(name, "getBrandWCPayRequest");
      assert.deepEqual(Object.keys(parameters).sort(), [
        ...["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"],
      ]);
    }
    quiet();
    await close();
  });

  test("a bridge that comes late is waited for", async () => {
    const { page, checkout, at, calls, quiet, close } = await inWechat("cancel", true);
    await checkout.getByRole("button", { name: /^支付/ }).click();
    await at("waiting");
    assert.equal(calls.length, 0);
    await page.evaluate(() => /** @type {any} */ (window).announce());
    await eventually(() => calls.length === 1, "the cashier opens");
    await checkout.getByRole("button", { name: "换一种方式" }).click();
    await at("ready");
    quiet();
    await close();
  });
});
