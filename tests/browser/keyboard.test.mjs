/** A walk with the keyboard alone: in which order the focus comes by, and that it is seen and never lost. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, startBrowser } from "./support/browser.mjs";
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

/** The focused element's words, or its value, and whether its focus is visible. */
function focused(/** @type {any} */ page) {
  return page.evaluate(() => {
    let at = /** @type {any} */ (document.activeElement);
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    if (!at || at === document.body) return "";
    const ring = at.matches("input") ? at.closest("label") : at;
    const seen = at.matches("[tabindex='-1']") || getComputedStyle(ring).outlineStyle !== "none";
    return `${at.value || at.textContent}${seen ? "" : " (not seen)"}`;
  });
}

/** Presses a key until the walk leaves the checkout. */
async function walk(/** @type {any} */ page, key = "Tab") {
  const order = /** @type {string[]} */ ([]);
  for (let steps = 0; steps < 12; steps += 1) {
    await page.keyboard.press(key);
    const here = await focused(page);
    // A browser without a frame of its own begins again at the other end.
    if (here === "" || order.includes(here)) break;
    order.push(here);
  }
  return order;
}

test("the focus moves forth and back through every state in reading order", async () => {
  const order = await gateway.create();
  const { page, checkout, at, quiet, close } = await openPage(browser);
  await page.goto(order.checkout.url);
  await at("ready");
  const end = ["Checked: this request is genuine", "en"];
  const ready = ["wallet_qr", "Pay CN¥128.00", ...end];
  assert.deepEqual(await walk(page), ready);
  assert.deepEqual(await walk(page, "Shift+Tab"), ready.toReversed());

  // The choice is one stop; arrows move in it, and a press of Enter on the button pays.
  await checkout.getByRole("radio").first().focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), "wallet_redirect");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await at("waiting");
  assert.equal(await focused(page), "Scan to pay", "the new state's title has the focus");
  const waiting = ["Open on this device", "Copy link", "Pay another way", ...end];
  assert.deepEqual(await walk(page), waiting);

  await checkout.getByRole("button", { name: "Copy link" }).focus();
  await gateway.shopper(order, "decline");
  await at("declined");
  assert.equal(await focused(page), "Choose how to pay");
  const declined = ["wallet_redirect", "Try again · CN¥128.00", ...end];
  assert.deepEqual(await walk(page), declined);
  await checkout.getByRole("radio").first().check();
  await checkout.getByRole("button", { name: /^Try again/ }).focus();
  await page.keyboard.press("Space");
  await at("waiting");
  await gateway.shopper(order, "pay");
  await at("paid");
  assert.match(await focused(page), /^Paid/);
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /^Back to/);
  quiet();
  await close();
});

test("monthly plans are one stop more, and arrows move among them", async () => {
  const order = await gateway.create({ amount: 26000 });
  const { page, checkout, at, quiet, close } = await openPage(browser);
  await page.goto(order.checkout.url);
  await at("ready");
  await checkout.getByRole("radio").first().focus();
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(page), "wallet_instalments", "the plans come, and the focus stays");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "3");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), "6");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Pay 6 × CN¥44.33First month CN¥44.33 · CN¥265.98 in total");
  await page.keyboard.press("Enter");
  await at("waiting");
  quiet();
  await close();
});

test("a screen reader hears each change once, from a region that existed before", async () => {
  const order = await gateway.create();
  const { page, checkout, at, close } = await openPage(browser);
  await page.goto(order.checkout.url);
  await at("ready");
  const status = checkout.getByRole("status");
  await status.evaluate((/** @type {Element} */ region) => {
    /** @type {any} */ (globalThis).said = [];
    const { said } = /** @type {any} */ (globalThis);
    new MutationObserver(() => said.push(region.textContent)).observe(region, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  await checkout.getByRole("button", { name: /^Pay/ }).click();
  await at("waiting");
  // Two seconds pass, as can be read.
  const clock = checkout.getByRole("timer");
  for (let seconds = 0; seconds < 2; seconds += 1) {
    const before = await clock.textContent();
    await eventually(async () => (await clock.textContent()) !== before, "the time left goes down");
  }
  await gateway.shopper(order, "pay");
  await at("paid");
  const said = await page.evaluate(() => /** @type {any} */ (globalThis).said);
  // The seconds that pass are not said.
  assert.deepEqual(
    said.filter((/** @type {string} */ it) => it !== "One moment…").length,
    2,
    said.join("; "),
  );
  assert.match(said.at(-1), /^Paid\. .* has your payment\.$/);
  await close();
});
