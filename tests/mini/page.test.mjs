/**
 * The WeChat sample, whole, in Chromium: its shop, checkout and result pages over a stand-in for the platform,
 * against the real gateway and the demo shop's server. Pictures are kept in target/screenshots/mini.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startBrowser } from "../browser/support/browser.mjs";
import { startGateway } from "../browser/support/gateway.mjs";
import { device } from "./support/double.mjs";
import { built, path, wasm } from "./support/paths.mjs";

/** @type {any} */
let gateway;
/** @type {any} */
let browser;
before(async () => {
  [gateway, browser] = await Promise.all([startGateway(), startBrowser()]);
});
after(async () => {
  await browser.close();
  await gateway.stop();
});

/** @param {{ language: string, cashier: "pays" | "cancels" }} options */
async function openSample({ language, cashier }) {
  const host = device({ origin: gateway.origin, quirks: { cashier } });
  const context = await browser.newContext({ viewport: { width: 390, height: 760 }, deviceScaleFactor: 2 });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const trouble = /** @type {string[]} */ ([]);
  page.on("pageerror", (/** @type {unknown} */ error) => trouble.push(String(error)));
  await page.exposeFunction("hostRequest", async (/** @type {any} */ request) => {
    const answer = await host.request({ ...request, body: request.body && Buffer.from(request.body) });
    return { ...answer, body: [...answer.body] };
  });
  await page.exposeFunction("hostPay", (/** @type {any} */ parameters) =>
    host.pay(parameters, parameters.package.replace("prepay_id=", "")),
  );
  await page.exposeFunction("hostWasm", () => [...wasm()]);
  const folder = built("samples/wechat/");
  const files = Object.fromEntries(
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => /\.(js|json|wxml|wxss)$/.test(name))
      .map((name) => [name, readFileSync(folder + name, "utf8")]),
  );
  await page.setContent("<!doctype html><html><head></head><body></body></html>");
  await page.addScriptTag({ content: readFileSync(path("tests/mini/support/screen.js"), "utf8") });
  const style =
    `${files["app.wxss"]}${files["lezai/wechat/lezai-checkout.wxss"]}`.replace(/^page/m, "body") +
    "body { font-family: sans-serif; margin: 0 }";
  await page.evaluate(
    (/** @type {any} */ { files, shop, style, language }) => {
      const world = /** @type {any} */ (window);
      const native = {
        language,
        shop,
        style,
        kept: new Map(),
        request: world.hostRequest,
        pay: world.hostPay,
        wasm: world.hostWasm,
      };
      world.sample = world.boot(files, native);
      world.native = native;
    },
    { files, shop: gateway.shop, style, language },
  );
  mkdirSync(path("target/screenshots/mini"), { recursive: true });
  return {
    page,
    host,
    trouble,
    picture: (/** @type {string} */ name) =>
      page.screenshot({ path: path(`target/screenshots/mini/${name}.png`) }),
    close: () => context.close(),
  };
}

test("a shopper buys tea in the WeChat sample, in Chinese", async () => {
  const { page, host, trouble, picture, close } = await openSample({ language: "zh_CN", cashier: "pays" });
  await page.getByRole("button", { name: "购买" }).first().waitFor();
  assert.match(await page.locator("body").innerText(), /¥128\.00.*2,800 日元/s);
  await picture("shop");
  await page.getByRole("button", { name: "购买" }).first().click();
  await page.getByText("选择付款方式").waitFor();
  await page.getByText("微信支付").waitFor();
  await picture("checkout");
  await page.getByRole("button", { name: /^支付/ }).click();
  await page.getByText("支付成功，谢谢惠顾").waitFor({ timeout: 600_000 });
  await picture("result");
  assert.equal(host.cashier.length, 1);
  assert.deepEqual(trouble, []);
  await close();
});

test("a shopper cancels in the cashier, and the page waits", async () => {
  const { page, host, trouble, picture, close } = await openSample({ language: "en", cashier: "cancels" });
  await page.getByRole("button", { name: "购买" }).first().click();
  await page.getByRole("button", { name: /^Pay/ }).click();
  await page.getByText("Finish in the wallet").waitFor();
  await page.getByText(/^1?\d:\d\d left$/).waitFor();
  await picture("waiting");
  host.quirks.cashier = "pays";
  await page.getByRole("button", { name: "Continue to the wallet" }).click();
  await page.getByText("支付成功，谢谢惠顾").waitFor({ timeout: 600_000 });
  assert.deepEqual(trouble, []);
  await close();
});

test("an answer that was changed on its way stops the sample", async () => {
  const { page, host, trouble, picture, close } = await openSample({ language: "zh_CN", cashier: "pays" });
  await page.getByRole("button", { name: "购买" }).first().click();
  await page.getByText("选择付款方式").waitFor();
  host.quirks.tamper = (answer) => {
    answer.body = Buffer.from(answer.body.toString().replace("prepay_id=att_", "prepay_id=att_f"));
  };
  await page.getByRole("button", { name: /^支付/ }).click();
  await page.getByText("为了你的安全，已停止").waitFor();
  await picture("refused");
  assert.equal(host.cashier.length, 0);
  assert.deepEqual(trouble, []);
  await close();
});

test("the probe page finds all that a checkout needs", async () => {
  const { page, trouble, picture, close } = await openSample({ language: "zh_CN", cashier: "pays" });
  await page.getByText("能力自检").click();
  await page.evaluate((/** @type {string} */ origin) => {
    const world = /** @type {any} */ (window);
    world.sample.page().data.gateway = origin;
  }, gateway.origin);
  await page.getByRole("button", { name: "开始自检" }).click();
  await page.getByText("✓ language").waitFor({ timeout: 600_000 });
  await picture("probe");
  assert.equal(await page.getByText("✗").count(), 0);
  await page.getByRole("button", { name: "复制报告" }).click();
  const report = await page.evaluate(() => /** @type {any} */ (window).native.copied);
  assert.match(report, /^Chromium, test, WeChat 0, base 0\nok {3}engine: /);
  assert.equal(report.split("\n").length, 10);
  assert.deepEqual(trouble, []);
  await close();
});
