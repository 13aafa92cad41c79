/** Every state and page in both languages and schemes: without a fault that axe can find, and on a picture. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessibilityFaults, openPage, screenshot, startBrowser } from "./support/browser.mjs";
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

/** How to bring the hosted page of an order into each state. */
const STATES = /** @type {Record<string, (shopper: any, order: any) => Promise<void>>} */ ({
  loading: async ({ page, context, at }, { checkout }) => {
    await context.addInitScript(patient);
    await page.route("**/open", () => {});
    await page.goto(checkout.url);
    await at("loading");
  },
  ready: open,
  confirming: async (shopper, order) => {
    await shopper.context.addInitScript(patient);
    await open(shopper, order);
    await shopper.page.route("**/pay", () => {});
    await press(shopper);
    await shopper.at("confirming");
  },
  "waiting-qr": async (shopper, order) => {
    await open(shopper, order);
    await press(shopper);
    await shopper.at("waiting");
    await shopper.checkout.locator("svg.qr").waitFor();
  },
  "waiting-wallet": async (shopper, order) => {
    const { page, checkout, at } = shopper;
    await open(shopper, order);
    await checkout.getByRole("radio").nth(1).check();
    await press(shopper);
    await page.waitForURL(/\/sandbox\/wallet\//);
    await page.goto(order.checkout.url.split("#")[0]);
    await at("waiting");
  },
  declined: async (shopper, order) => {
    await STATES["waiting-qr"]?.(shopper, order);
    await gateway.shopper(order, "decline");
    await shopper.at("declined");
  },
  paid: async (shopper, order) => {
    await STATES["waiting-qr"]?.(shopper, order);
    await gateway.shopper(order, "pay");
    await shopper.at("paid");
    await shopper.checkout.locator(".trust summary").click();
  },
  closed: async (shopper, order) => {
    await open(shopper, order);
    await gateway.close(order);
    await shopper.at("closed");
  },
  unreachable: async ({ page, at }, { checkout }) => {
    await page.route("**/open", (/** @type {any} */ route) => route.abort());
    await page.goto(checkout.url);
    await at("unreachable");
  },
  "unreachable-waiting": async (shopper, order) => {
    await STATES["waiting-qr"]?.(shopper, order);
    await shopper.context.setOffline(true);
    await shopper.at("unreachable");
  },
  refused: async ({ page, at }, { checkout }) => {
    await page.route("**/open", async (/** @type {any} */ route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace("12800", "99800") });
    });
    await page.goto(checkout.url);
    await at("refused");
  },
  taken: async ({ page, at }, order) => {
    const other = await openPage(browser);
    await STATES["waiting-qr"]?.(other, order);
    await other.close();
    await page.goto(order.checkout.url);
    await at("taken");
  },
  replaced: async (shopper, order) => {
    await open(shopper, order);
    await gateway.renew(order);
    await shopper.at("replaced");
  },
  outdated: async (shopper, order) => {
    await open(shopper, order);
    await press(shopper);
    await shopper.at("waiting");
    /** @type {any} */
    let first;
    await shopper.page.route(`**/sessions/${order.checkout.session}`, async (/** @type {any} */ route) => {
      first ??= await route.fetch();
      await route.fulfill({ response: first });
    });
    await shopper.at("outdated");
  },
  failed: async ({ page, at }, { checkout }) => {
    await page.goto(checkout.url.split("#")[0]);
    await at("failed");
  },
});

/** No call is given up for being late, so the state lasts for as long as it is looked at. */
function patient() {
  AbortController.prototype.abort = () => {};
}

async function open(/** @type {any} */ { page, at }, /** @type {any} */ { checkout }) {
  await page.goto(checkout.url);
  await at("ready");
}

async function press(/** @type {any} */ { checkout }) {
  await checkout.locator("button.button").click();
}

/** The documentation's pictures, and their names there. */
const PICTURES = /** @type {Record<string, string>} */ ({
  ready: "checkout-choose",
  "waiting-qr": "checkout-qr",
  paid: "checkout-paid",
  refused: "checkout-refused",
  shop: "shop",
  "shop-checkout": "shop-checkout",
  "shop-orders": "shop-orders",
});
const pictureOf = (/** @type {string} */ name, /** @type {string} */ locale) =>
  PICTURES[name] && (locale === "zh-CN" ? `zh/${PICTURES[name]}` : PICTURES[name]);

for (const locale of ["en-US", "zh-CN"]) {
  for (const scheme of /** @type {const} */ (["light", "dark"])) {
    describe(`${locale}, ${scheme}`, () => {
      for (const [name, reach] of Object.entries(STATES)) {
        test(name, async () => {
          const description = locale === "zh-CN" ? "茉莉花茶 100 克" : "Jasmine tea, 100 g";
          const order = await gateway.create({ description });
          const shopper = await openPage(browser, { locale, scheme, height: 760 });
          await reach(shopper, order);
          const picture = scheme === "light" ? pictureOf(name, locale) : undefined;
          await screenshot(shopper.page, `${name}-${locale.slice(0, 2)}-${scheme}`, picture);
          assert.deepEqual(await accessibilityFaults(shopper.page), []);
          shopper.quiet(/Failed to load resource/, /^<lezai-checkout>/);
          await shopper.close();
        });
      }
    });
  }
}

describe("on the narrowest screen", () => {
  for (const name of ["ready", "waiting-qr", "declined", "paid", "refused"]) {
    test(name, async () => {
      const order = await gateway.create();
      const shopper = await openPage(browser, { width: 320 });
      await STATES[name]?.(shopper, order);
      await screenshot(shopper.page, `${name}-320`);
      assert.equal(await shopper.page.evaluate(() => document.documentElement.scrollWidth), 320);
      await shopper.close();
    });
  }
});

describe("the shop's pages and the wallet's", () => {
  for (const [locale, scheme, width] of /** @type {const} */ ([
    ["en-US", "light", 1100],
    ["zh-CN", "light", 1100],
    ["en-US", "dark", 1100],
    ["zh-CN", "dark", 390],
    ["en-US", "light", 320],
  ])) {
    test(`${locale}, ${scheme}, ${width} wide`, async () => {
      const shopper = await openPage(browser, { locale, scheme, width, height: 640 });
      const { page, checkout, at, quiet } = shopper;
      const shown = width > 1000 && scheme === "light";
      const look = async (/** @type {any} */ page, /** @type {string} */ name) => {
        const picture = shown ? pictureOf(name, locale) : undefined;
        await screenshot(page, `${name}-${locale.slice(0, 2)}-${scheme}-${width}`, picture);
        assert.deepEqual(await accessibilityFaults(page), [], name);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, name);
      };

      await page.goto(`${gateway.shop}/orders.html`);
      await page.locator(".empty:visible, .entry").first().waitFor();
      await page.goto(gateway.shop);
      await page.locator(".product").first().waitFor();
      await look(page, "shop");
      await page.click('[data-product="gaiwan"]');
      await at("ready");
      await page.locator(".line img").waitFor();
      await look(page, "shop-checkout");

      await press(shopper);
      await at("waiting");
      await look(page, "shop-waiting");
      const wallet = await shopper.context.newPage();
      await wallet.goto(await checkout.locator("a.link").getAttribute("href"));
      await look(wallet, "wallet");
      await wallet.locator("form[action$='/approve'] button").click();
      await wallet.locator(".result.paid").waitFor();
      await look(wallet, "wallet-paid");
      await wallet.close();

      await at("paid");
      await page.locator(".standing .badge.paid").waitFor();
      await look(page, "shop-paid");
      await page.locator(".standing a").click();
      await page.locator(".entry.asked .badge.paid").waitFor();
      await look(page, "shop-orders");
      quiet();
      await shopper.close();
    });
  }

  test("declined in the wallet", async () => {
    const order = await gateway.create();
    const shopper = await openPage(browser);
    await STATES["waiting-qr"]?.(shopper, order);
    const wallet = await openPage(browser, { width: 390 });
    await wallet.page.goto(await shopper.checkout.locator("a.link").first().getAttribute("href"));
    await wallet.page.locator("form[action$='/decline'] button").click();
    await wallet.page.locator(".result.declined").waitFor();
    await screenshot(wallet.page, "wallet-declined");
    assert.deepEqual(await accessibilityFaults(wallet.page), []);
    await shopper.at("declined");
    wallet.quiet();
    await wallet.close();
    await shopper.close();
  });
});

test("axe is awake", async () => {
  const { page, close } = await openPage(browser);
  await page.setContent("<title>No alternative</title><main><img src='data:,'></main>");
  assert.match((await accessibilityFaults(page)).join(), /image-alt/);
  await close();
});
