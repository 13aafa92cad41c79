/** A shopper's ways through the checkout, from the shop to the shop. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openPage, readQr, screenshot, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";

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

/** Buys a product in the shop; gives back the page at its checkout and the shop's order number. */
async function buy(/** @type {any} */ shopper, product = "jasmine-tea") {
  const { page, at } = shopper;
  await page.goto(gateway.shop);
  await page.click(`[data-product="${product}"]`);
  await at("ready");
  return new URL(page.url()).searchParams.get("order");
}

const approve = (/** @type {any} */ wallet) =>
  wallet.click("form[action$='/approve'] button, button[value='approve']");
const decline = (/** @type {any} */ wallet) =>
  wallet.click("form[action$='/decline'] button, button[value='decline']");

describe("from the shop to the shop", () => {
  test("scan, approve in the wallet, paid in the page and in the shop", async () => {
    const shopper = await openPage(browser, { width: 1200 });
    const { page, checkout, at } = shopper;
    const order = await buy(shopper);
    assert.match(await checkout.locator(".amount").textContent(), /^CN¥128\.00$/);

    await checkout.getByRole("button", { name: "Pay CN¥128.00" }).click();
    await at("waiting");
    const link = await checkout.getByRole("link", { name: "Open on this device" }).getAttribute("href");
    const code = checkout.getByRole("img", { name: /QR code/ });
    assert.equal(await readQr(browser, await code.screenshot()), link);

    // The shopper's phone: another browser that scans the code.
    const phone = await openPage(browser, { width: 390 });
    await phone.page.goto(link);
    await approve(phone.page);
    await phone.close();

    await at("paid");
    await page.waitForSelector(".standing .badge.paid");
    await checkout.getByRole("link", { name: /^Back to/ }).click();
    const entry = page.locator(`[data-order="${order}"]`);
    await entry.locator(".badge.paid").waitFor();
    assert.match(await entry.textContent(), /1 callback verified/);
    shopper.quiet();
    await shopper.close();
  });

  test("the wallet on this device leads back, in a currency without decimals", async () => {
    const shopper = await openPage(browser, { width: 1200 });
    const { page, checkout } = shopper;
    const order = await buy(shopper, "matcha-whisk");
    assert.equal(await checkout.locator(".amount").textContent(), "¥2,800");
    await checkout.getByRole("radio", { name: /Open the wallet/ }).check();
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await page.waitForURL(/\/sandbox\/wallet\//);
    await approve(page);
    await page.waitForURL(/orders\.html/);
    await page.locator(`[data-order="${order}"] .badge.paid`).waitFor();
    shopper.quiet();
    await shopper.close();
  });

  test("declined, then paid with another try", async () => {
    const shopper = await openPage(browser);
    const { page, checkout, at } = shopper;
    const order = await buy(shopper);
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await page.goto(await checkout.getByRole("link", { name: "Open on this device" }).getAttribute("href"));
    await decline(page);
    await page.goto(`${gateway.shop}/pay.html?order=${order}`);
    await at("declined");
    await checkout.getByText("You declined it in the wallet.", { exact: true }).waitFor();
    await checkout.getByRole("button", { name: /^Try again/ }).click();
    await at("waiting");
    await page.goto(await checkout.getByRole("link", { name: "Open on this device" }).getAttribute("href"));
    await approve(page);
    await page.goto(`${gateway.shop}/orders.html`);
    await page.locator(`[data-order="${order}"] .badge.paid`).waitFor();
    shopper.quiet();
    await shopper.close();
  });
});

describe("the hosted page", { concurrency: 4 }, () => {
  /** The hosted page of a new order, once it is ready. */
  async function hosted(/** @type {object} */ order = {}, /** @type {object} */ options = {}) {
    const created = await gateway.create(order);
    const shopper = await openPage(browser, options);
    await shopper.page.goto(created.checkout.url);
    await shopper.at("ready");
    return { ...shopper, order: created };
  }

  test("the client secret leaves the address bar, and a reload in the middle resumes", async () => {
    const { page, checkout, at, quiet, close, order } = await hosted();
    assert.equal(new URL(page.url()).hash, "");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    const link = await checkout.getByRole("link", { name: "Open on this device" }).getAttribute("href");
    await page.reload();
    await at("waiting");
    assert.equal(
      await checkout.getByRole("link", { name: "Open on this device" }).getAttribute("href"),
      link,
    );

    // Without the secret and without the history entry: only the key in this browser is left.
    await page.goto("about:blank");
    await page.goto(`${gateway.origin}/pay/${order.checkout.session}`);
    await at("waiting");
    assert.equal(
      await page.evaluate(
        () =>
          new Promise((resolve) => {
            const opening = indexedDB.open("lezai-checkout");
            opening.onsuccess = () => {
              const all = opening.result.transaction("sessions").objectStore("sessions").getAll();
              all.onsuccess = () =>
                resolve(all.result.map(({ key, secret }) => [key.privateKey.extractable, secret]).join());
            };
          }),
      ),
      "false,",
    );
    await gateway.shopper(order, "pay");
    await at("paid");
    quiet();
    await close();
  });

  test("another browser with the same secret cannot take over what is being paid", async () => {
    const { checkout, at, close, order } = await hosted();
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    const thief = await openPage(browser);
    await thief.page.goto(order.checkout.url);
    await thief.at("taken");
    assert.equal(await thief.checkout.locator(".amount").count(), 0);
    thief.quiet(/409/, /session_taken/);
    await thief.close();
    await close();
  });

  test("an expired order is closed in the page by itself", async () => {
    // A gateway of its own, whose clock nobody else goes by.
    const own = await startGateway();
    const order = await own.create({ expires_in: 3600 });
    const { page, checkout, at, quiet, close } = await openPage(browser);
    await page.goto(order.checkout.url);
    await at("ready");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await own.advance(3601);
    await at("closed");
    await checkout.getByRole("heading", { name: "This payment has expired" }).waitFor();
    await screenshot(page, "expired");
    quiet();
    await close();
    await own.stop();
  });

  test("an order that the merchant closes is closed in the page", async () => {
    const { checkout, at, quiet, close, order } = await hosted();
    await gateway.close(order);
    await at("closed");
    await checkout.getByRole("heading", { name: "This order was closed" }).waitFor();
    quiet();
    await close();
  });

  test("a first visit is small", async () => {
    const order = await gateway.create();
    const { page, at, close } = await openPage(browser);
    const loaded = /** @type {Promise<[string, number]>[]} */ ([]);
    page.on("requestfinished", (/** @type {any} */ request) => {
      const path = new URL(request.url()).pathname;
      if (!/^\/(checkout\/v1|pay)\//.test(path)) return;
      loaded.push(
        request.sizes().then((/** @type {any} */ { responseBodySize }) => [path, responseBodySize]),
      );
    });
    await page.goto(order.checkout.url);
    await at("ready");
    const files = await Promise.all(loaded);
    assert.equal(files.length, 5, files.join("\n"));
    // WebCrypto signs and verifies here.
    assert.ok(files.every(([path]) => !path.includes("lezai_p256")));
    // As they come over the network; bytes.test.mjs says it by file. Far less is as suspicious as more: look, and move the bounds.
    const bytes = files.reduce((sum, [, size]) => sum + size, 0);
    assert.ok(bytes > 54_000 && bytes < 57_100, `${bytes} bytes:\n${files.join("\n")}`);
    await close();
  });

  test("a language is a file of its own, and without it the shopper pays in English", async () => {
    const order = await gateway.create();
    const { page, context, checkout, at, quiet, close } = await openPage(browser, { locale: "zh-HK" });
    const loaded = /** @type {string[]} */ ([]);
    page.on("request", (/** @type {any} */ request) => loaded.push(request.url()));
    await page.goto(order.checkout.url);
    await at("ready");
    await checkout.getByRole("button", { name: "支付 CN¥128.00" }).waitFor();
    assert.equal(loaded.filter((url) => url.includes("/language-")).length, 1);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-TW");
    await checkout.evaluate((/** @type {any} */ element) => element.setAttribute("lang", "ar-EG"));
    await checkout.locator(".all[dir=rtl]").waitFor();

    await context.route("**/language-*", (/** @type {any} */ route) => route.abort());
    await page.goto("about:blank");
    await page.goto(order.checkout.url.split("#")[0]);
    await at("ready");
    await checkout.getByRole("button", { name: "Pay CN¥128.00" }).waitFor();
    quiet(/ERR_FAILED/);
    await close();
  });

  test("on a phone the wallet comes first, and a code is opened rather than scanned", async () => {
    const order = await gateway.create();
    const { page, checkout, at, quiet, close } = await openPage(browser, { width: 390, touch: true });
    await page.goto(order.checkout.url);
    await at("ready");
    assert.equal(await checkout.getByRole("radio").first().getAttribute("value"), "wallet_redirect");
    await checkout.getByRole("radio", { name: /Scan a code/ }).check();
    await checkout.getByRole("button", { name: /^Pay/ }).tap();
    await at("waiting");
    await checkout.locator("a.button", { hasText: "Open on this device" }).waitFor();
    quiet();
    await close();
  });

  test("two taps are one payment", async () => {
    const { page, checkout, at, quiet, close } = await hosted();
    let payments = 0;
    page.on("request", (/** @type {any} */ request) => {
      if (request.url().endsWith("/pay") && request.method() === "POST") payments += 1;
    });
    await checkout.getByRole("button", { name: /^Pay/ }).dblclick();
    await at("waiting");
    assert.equal(payments, 1);
    quiet();
    await close();
  });

  test("a code that has expired is renewed with one tap, and paid once", async () => {
    const { page, checkout, at, quiet, close, order } = await hosted({ amount: 10917 });
    // The code lives for five seconds, which may be over before it is looked for: what the page was told stays.
    const told = () =>
      page.waitForResponse(
        (/** @type {any} */ it) => it.url().endsWith("/pay") && it.request().method() === "POST",
      );
    const codeOf = async (/** @type {any} */ response) => (await response.json()).payment.qr;
    const begun = told();
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    const first = await codeOf(await begun);
    await at("code_expired");
    await checkout.getByRole("heading", { name: "This code has expired" }).waitFor();
    // Reloaded, the page does not show it as if it could be scanned.
    await page.reload();
    await at("code_expired");
    const renewed = told();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const second = await codeOf(await renewed);
    assert.match(second, /^http/);
    assert.notEqual(second, first);

    await gateway.shopper(order, "pay");
    await at("paid");
    quiet();
    await close();
  });

  test("in six monthly parts, whose fee the page computed, and the wallet asks for the same", async () => {
    const { page, checkout, at, quiet, close, order } = await hosted({ amount: 26000 });
    await checkout.getByRole("radio", { name: /Pay monthly/ }).check();
    const plans = checkout.locator(".plan");
    const rows = async () =>
      (await plans.allInnerTexts()).map((/** @type {string} */ it) => it.replace(/\s+/g, " ").trim());
    assert.deepEqual(await rows(), [
      "3 × CN¥86.66 No fee",
      "6 × CN¥44.33 Fee CN¥5.98",
      "12 × CN¥22.64 Fee CN¥11.70",
    ]);
    await checkout.getByText("First month CN¥86.68 · CN¥260.00 in total").waitFor();
    await checkout.getByRole("radio", { name: "6 × CN¥44.33 Fee CN¥5.98" }).check();
    await checkout.getByText("First month CN¥44.33 · CN¥265.98 in total", { exact: true }).waitFor();
    await screenshot(page, "monthly");
    await checkout.getByRole("button", { name: "Pay 6 × CN¥44.33" }).click();
    await at("waiting");
    await checkout.getByText("6 × CN¥44.33 · Fee CN¥5.98", { exact: true }).waitFor();
    const link = await checkout.getByRole("link", { name: "Open on this device" }).getAttribute("href");
    const phone = await openPage(browser, { width: 390 });
    await phone.page.goto(link);
    await phone.page.getByText("6 × CN¥44.33").waitFor();
    await phone.page.getByText("Fee: CN¥5.98 · In total: CN¥265.98").waitFor();
    await screenshot(phone.page, "monthly-wallet");
    await approve(phone.page);
    await phone.close();
    await at("paid");
    const { amount, fee, payment } = await gateway.read(order);
    assert.deepEqual([amount, fee], [26000, 156], "the merchant's amount and fee are as ever");
    assert.deepEqual(payment.instalments, {
      count: 6,
      rate_ppm: 23000,
      fee: 598,
      total: 26598,
      first: 4433,
      each: 4433,
    });
    quiet();
    await close();
  });

  test("another way to pay can be chosen while one is waiting", async () => {
    const { checkout, at, quiet, close } = await hosted();
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await checkout.getByRole("button", { name: "Pay another way" }).click();
    await at("ready");
    await checkout.getByRole("radio", { name: /Open the wallet/ }).check();
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await checkout.page().waitForURL(/\/sandbox\/wallet\//);
    quiet();
    await close();
  });

  test("a lost network is shown, and the checkout recovers", async () => {
    const { context, checkout, at, quiet, close, order } = await hosted();
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await context.setOffline(true);
    await at("unreachable");
    await checkout.getByText("No connection. We keep trying.").waitFor();
    assert.equal(await checkout.getByRole("img", { name: /QR code/ }).count(), 1);
    await gateway.shopper(order, "pay");
    await context.setOffline(false);
    await at("paid");
    quiet(/ERR_INTERNET_DISCONNECTED|ERR_NETWORK/);
    await close();
  });

  test("a device whose clock is hours off can pay", async () => {
    for (const hours of [-7, 9]) {
      const order = await gateway.create();
      const { page, context, checkout, at, quiet, close } = await openPage(browser);
      await context.addInitScript((/** @type {number} */ hours) => {
        const now = Date.now.bind(Date);
        Date.now = () => now() + hours * 3_600_000;
      }, hours);
      await page.goto(order.checkout.url);
      await at("ready");
      await checkout.getByRole("button", { name: /^Pay/ }).click();
      await at("waiting");
      assert.match(await checkout.getByRole("timer").textContent(), /^0?[0-2]:\d\d left$/);
      quiet(/401/);
      await close();
    }
  });

  test("a page without WebCrypto signs and verifies with the core, and resumes", async () => {
    const order = await gateway.create();
    const { page, checkout, at, quiet, close } = await openPage(browser, { webCrypto: false });
    const loaded = /** @type {string[]} */ ([]);
    page.on("request", (/** @type {any} */ request) => loaded.push(request.url()));
    await page.goto(order.checkout.url);
    await at("ready");
    assert.equal(loaded.filter((url) => url.includes("lezai_p256")).length, 1);
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await page.reload();
    await at("waiting");
    quiet();
    await close();
  });

  test("it can all be done with the keyboard, and the focus goes along", async () => {
    const { page, checkout, at, quiet, close } = await hosted();
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await at("waiting");
    const focused = () =>
      page.evaluate(
        () =>
          document.activeElement?.shadowRoot?.activeElement?.textContent ?? document.activeElement?.localName,
      );
    assert.equal(await focused(), "Scan to pay");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Open on this device");
    assert.equal(await checkout.getByRole("status").textContent(), "Scan to pay");
    quiet();
    await close();
  });
});
