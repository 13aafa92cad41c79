/** The pages for developers: `/` of `lezai dev` and `/reference`, on a phone and on a wide screen. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessibilityFaults, openPage, screenshot, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { eventually } from "./support/patience.mjs";

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

/** A page of the gateway's. */
async function opened(/** @type {string} */ path, /** @type {object} */ options = {}) {
  const shopper = await openPage(browser, options);
  await shopper.page.goto(gateway.origin + path);
  return shopper;
}

/** Waits until the clipboard has this. The button's own word for it lasts two seconds, which a slow machine may miss. */
const copied = (/** @type {any} */ page, /** @type {string} */ text) =>
  eventually(
    async () => (await page.evaluate(() => navigator.clipboard.readText())) === text,
    `the clipboard has ${text}`,
  );

for (const [width, height, scheme] of /** @type {const} */ ([
  [360, 740, "light"],
  [360, 740, "dark"],
  [1360, 900, "light"],
  [1360, 900, "dark"],
])) {
  describe(`${width} wide, ${scheme}`, () => {
    const looks = async (/** @type {any} */ page, /** @type {string} */ name) => {
      await screenshot(page, `${name}-${width}-${scheme}`);
      assert.deepEqual(await accessibilityFaults(page), []);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    };

    for (const locale of ["en-US", "zh-CN"]) {
      test(`the page at /, ${locale}`, async () => {
        await gateway.create();
        const { page, quiet, close } = await opened("/", { width, height, scheme, locale, scale: 1 });
        await page.locator("#requests tbody tr").first().waitFor();
        await looks(page, `developer-home-${locale}`);
        quiet();
        await close();
      });
    }

    test("the reference", async () => {
      const { page, quiet, close } = await opened("/reference#post-v1-orders", {
        width,
        height,
        scheme,
        scale: 1,
      });
      await page.locator("#post-v1-orders pre:visible").first().waitFor();
      await looks(page, "developer-reference");
      quiet();
      await close();
    });
  });
}

describe("the page at /", () => {
  test("lists requests as they come, and says when the gateway is away", async () => {
    const { page, context, quiet, close } = await opened("/");
    const rows = page.locator("#requests tbody tr");
    const { id } = await gateway.create();
    await gateway.read({ id });
    await rows.filter({ hasText: `GET /v1/orders/${id}` }).waitFor();
    await rows.filter({ hasText: "POST /v1/orders" }).first().waitFor();
    await context.setOffline(true);
    const status = page.getByRole("status");
    await status.waitFor();
    assert.equal(await status.textContent(), await status.getAttribute("data-lost"));
    await context.setOffline(false);
    await status.waitFor({ state: "hidden" });
    quiet(/ERR_INTERNET_DISCONNECTED|ERR_NETWORK/);
    await close();
  });

  test("a command is copied as it stands there", async () => {
    const { page, context, quiet, close } = await opened("/");
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const command = page.locator(".command").nth(1);
    await command.getByRole("button").click();
    const text = await command.locator("code").textContent();
    assert.match(text, /^lezai call POST \/v1\/orders /);
    await copied(page, text);
    quiet();
    await close();
  });

  test("the other language is one link away, and links lead on", async () => {
    const { page, quiet, close } = await opened("/");
    await page.getByRole("link", { name: "中文" }).click();
    await page.waitForFunction(() => document.documentElement.lang.startsWith("zh"));
    await page.locator("a[href='/reference']").click();
    await page.getByRole("heading", { name: "API reference" }).waitFor();
    quiet();
    await close();
  });
});

describe("the reference", () => {
  const shown = (/** @type {any} */ page) => page.locator("nav li:visible");

  test("finds a call by the code of its error, and opens it", async () => {
    const { page, quiet, close } = await opened("/reference", { width: 1360 });
    await page.keyboard.press("/");
    const search = page.getByRole("searchbox");
    assert.equal(await search.evaluate((/** @type {Element} */ it) => it === document.activeElement), true);
    const all = await shown(page).count();
    await search.fill("refund_exceeds_available");
    assert.equal(await shown(page).count(), 1);
    assert.match(await shown(page).textContent(), /Create refund/i);
    await search.press("Enter");
    await page.waitForURL(/#[\w-]+$/);
    const { hash } = new URL(page.url());
    await page.locator(`${hash} details.call[open]`).waitFor();
    await search.fill("nothing is called like this");
    await page.getByText("Nothing is called that.").waitFor();
    await search.press("Escape");
    assert.equal(await shown(page).count(), all);
    quiet();
    await close();
  });

  test("a chosen language applies to every call, also on the next visit", async () => {
    const { page, context, quiet, close } = await opened("/reference", { width: 1360 });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const call = page.locator("#post-v1-orders [data-tabs=language]");
    await call.getByRole("tab", { name: "Python" }).click();
    // An operator's call has no such language.
    const chosen = () =>
      page
        .locator("[data-tabs=language]", { has: page.getByRole("tab", { name: "Python" }) })
        .locator("[role=tab][aria-selected=true]")
        .evaluateAll((/** @type {Element[]} */ tabs) => [...new Set(tabs.map((it) => it.textContent))]);
    assert.deepEqual(await chosen(), ["Python"]);
    await page.reload();
    assert.deepEqual(await chosen(), ["Python"]);
    await call.getByRole("tab", { name: "Python" }).press("ArrowRight");
    assert.notDeepEqual(await chosen(), ["Python"]);
    await call.getByRole("button", { name: "Copy" }).click();
    await copied(page, await call.locator("pre:visible code").textContent());
    quiet();
    await close();
  });

  test("on a phone the menu opens, leads to a call that was closed, and is out of the way", async () => {
    const { page, quiet, close } = await opened("/reference", { width: 360, height: 740, touch: true });
    const call = page.locator("#post-v1-orders-id-close details.call");
    assert.equal(await call.getAttribute("open"), null);
    assert.equal(await shown(page).count(), 0);
    const menu = page.getByRole("button", { name: "Menu" });
    await menu.tap();
    assert.equal(await menu.getAttribute("aria-expanded"), "true");
    await page.locator("nav a[href='#post-v1-orders-id-close']").tap();
    await page.locator("#post-v1-orders-id-close details.call[open]").waitFor();
    assert.equal(await menu.getAttribute("aria-expanded"), "false");
    await page.waitForFunction(() => {
      const top = document.getElementById("post-v1-orders-id-close")?.getBoundingClientRect().top ?? -1;
      return top >= 0 && top < innerHeight;
    });
    quiet();
    await close();
  });
});
