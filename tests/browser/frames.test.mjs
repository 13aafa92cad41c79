/** The checkout in frames: whose website it is there, and how it leaves for the wallet and for the shop. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { eventually } from "./support/patience.mjs";
import { element, html, website } from "./support/website.mjs";

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

/** A page that shows another one in a frame; gives back the frame's checkout. */
async function framed(/** @type {string} */ frame, /** @type {string | undefined} */ inner = undefined) {
  const site = await website((request, response) => {
    html(request.url === "/inner" ? (inner ?? "") : frame)(request, response);
  });
  const shopper = await openPage(browser);
  await shopper.page.goto(site.origin);
  const checkout = shopper.page.frameLocator("iframe").locator("lezai-checkout");
  const at = (/** @type {string} */ state) =>
    eventually(
      async () => (await checkout.evaluate((/** @type {any} */ it) => it.state)) === state,
      `the framed checkout is at ${state}`,
    );
  return { ...shopper, site, checkout, at, close: () => Promise.all([shopper.close(), site.close()]) };
}

const escaped = (/** @type {string} */ text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

describe("the website of a frame", () => {
  test("a frame of srcdoc is its parent's, and a shopper can pay in it", async () => {
    const order = await gateway.create();
    const { checkout, at, quiet, close } = await framed(
      `<iframe srcdoc="${escaped(element(gateway.origin, order))}"></iframe>`,
    );
    await at("ready");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await gateway.shopper(order, "pay");
    await at("paid");
    quiet();
    await close();
  });

  test("a sandboxed frame is nobody's, for the gateway as for the page, and a shopper can pay in it", async () => {
    const order = await gateway.create();
    const { checkout, at, close } = await framed(
      `<iframe sandbox="allow-scripts" srcdoc="${escaped(element(gateway.origin, order))}"></iframe>`,
    );
    await at("ready");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
    await at("waiting");
    await gateway.shopper(order, "pay");
    await at("paid");
    await close();
  });
});

describe("leaving for the wallet", () => {
  const pay = async (/** @type {any} */ { checkout, at }) => {
    await at("ready");
    await checkout.getByRole("button", { name: /^Pay/ }).click();
  };
  const order = () => gateway.create({ methods: ["wallet_redirect"] });
  /** The wallet, once it has the whole page, and the way back from it. */
  const approve = async (/** @type {any} */ page) => {
    await page.waitForURL(/\/sandbox\/wallet\//);
    await page.click("form[action$='/approve'] button");
    await page.waitForURL(/orders\.html/);
  };

  test("the element in a frame: the whole page goes there, and comes back to the shop", async () => {
    const sold = await order();
    // The shop's page around it is on another website.
    const inner = await website(html(element(gateway.origin, sold)));
    const shop = await framed(`<iframe src="${inner.elsewhere}/"></iframe>`);
    await pay(shop);
    await approve(shop.page);
    shop.quiet();
    await shop.close();
    inner.close();
  });

  test("the hosted page in a merchant's frame: the whole page goes there, and comes back to the shop", async () => {
    const sold = await order();
    const shop = await framed(`<iframe src="${sold.checkout.url}"></iframe>`);
    const token = readFileSync(join(gateway.data, "admin-token"), "utf8").trim();
    const named = await fetch(`${gateway.origin}/admin/v1/merchants/m_demo`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "Cloud Hill Tea", frame_origins: [shop.site.origin] }),
    });
    assert.equal(named.status, 200);
    await shop.page.reload();
    await pay(shop);
    await approve(shop.page);
    await shop.close();
  });

  test("after coming back, the links to the wallet and to the shop lead out of the frame", async () => {
    const sold = await order();
    // On the shop's own website, since a browser may keep nothing for a frame of another one.
    const shop = await framed(`<iframe src="/inner"></iframe>`, element(gateway.origin, sold));
    await pay(shop);
    await shop.page.waitForURL(/\/sandbox\/wallet\//);
    await shop.page.goto(shop.site.origin);
    await shop.at("waiting");
    await shop.checkout.getByRole("link", { name: "Continue to the wallet" }).click();
    await shop.page.waitForURL(/\/sandbox\/wallet\//);
    await gateway.shopper(sold, "pay");
    await shop.page.goto(shop.site.origin);
    await shop.at("paid");
    await shop.checkout.getByRole("link", { name: /^Back to/ }).click();
    await shop.page.waitForURL(/orders\.html/);
    await shop.close();
  });

  test("in a sandbox without top navigation, the wallet opens in a new window, and the page follows", async () => {
    const sold = await order();
    const inner = await website(html(element(gateway.origin, sold)));
    const sandbox = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms";
    const shop = await framed(`<iframe sandbox="${sandbox}" src="${inner.elsewhere}/"></iframe>`);
    await pay(shop);
    await shop.at("waiting");
    assert.equal(shop.page.url(), `${shop.site.origin}/`);
    const opened = shop.context.waitForEvent("page");
    await shop.checkout.getByRole("link", { name: "Continue to the wallet" }).click();
    const wallet = await opened;
    await wallet.click("form[action$='/approve'] button");
    await shop.at("paid");
    await shop.close();
    inner.close();
  });
});
