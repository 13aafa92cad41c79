/** Every state in both languages and schemes: without a fault that axe can find, and on a picture. */
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
  loading: async ({ page, at }, { checkout }) => {
    await page.route("**/claim", () => {});
    await page.goto(checkout.url);
    await at("loading");
  },
  ready: open,
  confirming: async (shopper, order) => {
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
    await page.route("**/claim", (/** @type {any} */ route) => route.abort());
    await page.goto(checkout.url);
    await at("unreachable");
  },
  "unreachable-waiting": async (shopper, order) => {
    await STATES["waiting-qr"]?.(shopper, order);
    await shopper.context.setOffline(true);
    await shopper.at("unreachable");
  },
  refused: async ({ page, at }, { checkout }) => {
    await page.route("**/claim", async (/** @type {any} */ route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace("12800", "99800") });
    });
    await page.goto(checkout.url);
    await at("refused");
  },
  taken: async ({ page, at }, order) => {
    const other = await openPage(browser);
    await open(other, order);
    await other.close();
    await page.goto(order.checkout.url);
    await at("taken");
  },
  failed: async ({ page, at }, { checkout }) => {
    await page.goto(checkout.url.split("#")[0]);
    await at("failed");
  },
});

async function open(/** @type {any} */ { page, at }, /** @type {any} */ { checkout }) {
  await page.goto(checkout.url);
  await at("ready");
}

async function press(/** @type {any} */ { checkout }) {
  await checkout.locator("button.button").click();
}

for (const locale of ["en-US", "zh-CN"]) {
  for (const scheme of /** @type {const} */ (["light", "dark"])) {
    describe(`${locale}, ${scheme}`, () => {
      for (const [name, reach] of Object.entries(STATES)) {
        test(name, async () => {
          const description = locale === "zh-CN" ? "茉莉花茶 100 克" : "Jasmine tea, 100 g";
          const order = await gateway.create({ description });
          const shopper = await openPage(browser, { locale, scheme });
          await reach(shopper, order);
          await screenshot(shopper.page, `${name}-${locale.slice(0, 2)}-${scheme}`);
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
